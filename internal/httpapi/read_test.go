package httpapi_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tallystick/internal/httpapi"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

func someSeries() []query.Series {
	return []query.Series{
		{
			Level:  selector.Path{Cluster: "a<b", Node: "n:1", Component: selector.Part{Type: "client", ID: "c"}},
			Metric: "m", Unit: "B", Step: 60, From: 120,
			Values: query.Values{0, 1.5, query.Value(math.NaN()), 1e21, -1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64},
		},
		{Level: selector.Path{Cluster: "a"}, Metric: "m", Step: 1, Stats: &query.Stats{Count: 2, Sum: 3, Avg: 1.5, Min: 1, Max: 2}},
		{
			Level: selector.Path{Cluster: "a"}, Group: new(int), Range: 3, Metric: "n", Step: 1,
			Values: query.Values{1, 2}, Counts: []uint32{2, 1},
		},
	}
}

// Ensure a query comes to the engine as it was asked, and the answer as it was given.
func TestQuery(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	var asked query.Request
	s.query = func(_ context.Context, r query.Request) ([]query.Series, error) {
		asked = r
		return someSeries(), nil
	}
	got := s.post("/api/v1/query", `{"from":100,"to":200,"metrics":["m"],"aggregation":"avg",
		"levels":[{"cluster":"a","node":["*"],"type":"client","type_id":["c","0-7"],"stype":"d","stype_id":"e","group":true}],
		"resolution":60,"resampling":"mean","stats":true,"counts":true,"data":false}`)
	avg, no := metric.AggAvg, false
	want := query.Request{From: 100, To: 200, Metrics: []string{"m"}, Aggregation: &avg, Levels: []query.Selector{
		{
			Cluster: query.Names{"a"}, Node: query.Names{"*"}, Type: query.Names{"client"}, TypeID: query.Names{"c", "0-7"},
			SType: query.Names{"d"}, STypeID: query.Names{"e"}, Group: true,
		},
	}, Resolution: 60, Resampling: query.ResampleMean, Stats: true, Counts: true, Data: &no}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
	type answer struct{ Series []query.Series }
	if diff := cmp.Diff(someSeries(), unmarshal[answer](s, got).Series, cmp.Comparer(sameBits), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("answered (-want +got)\n%s", diff)
	}
}

func sameBits(a, b query.Value) bool { return a == b || a != a && b != b }

// Ensure no series are a list of none.
func TestQueryNothing(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.query = func(context.Context, query.Request) ([]query.Series, error) { return nil, nil }
	if got := s.post("/api/v1/query", `{"from":1,"to":2,"levels":[{"cluster":"a"}]}`); got.body != `{"series":[]}`+"\n" {
		t.Errorf("got %d %q", got.status, got.body)
	}
}

// Ensure what is wrong with a query is told with its place, by the contract and
// by the engine.
func TestQueryErrors(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.query = func(_ context.Context, r query.Request) ([]query.Series, error) {
		switch r.From {
		case 1:
			return nil, &query.RequestError{Field: "levels[0].node", Text: "is wrong"}
		case 2:
			return nil, fmt.Errorf("query: %w", query.ErrTooMuch)
		}
		return nil, errors.New("the secret of the store")
	}
	f := func(body, field string) {
		t.Helper()
		s.wantError(s.post("/api/v1/query", body), http.StatusBadRequest, "bad_request", field)
	}
	f(``, "")
	f(`{`, "")
	f(`[]`, "")
	f(`{"from":1,"to":2}`, "levels")
	f(`{"from":1,"to":2,"levels":[]}`, "levels")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a"},{"node":"n"}]}`, "levels[1].cluster")
	f(`{"from":1,"to":2,"levels":[{"cluster":7}]}`, "levels[0].cluster")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a","node":[]}]}`, "levels[0].node")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a","node":[7]}]}`, "levels[0].node")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a","node":[""]}]}`, "levels[0].node")
	f(`{"ranges":[],"levels":[{"cluster":"a"}]}`, "ranges")
	f(`{"ranges":[{"from":1}],"levels":[{"cluster":"a"}]}`, "ranges[0].to")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a"}],"resampling":"median"}`, "resampling")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a"}],"resolution":-1}`, "resolution")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a","host":"h"}]}`, "levels[0]")
	f(`{"from":1.5,"to":2,"levels":[{"cluster":"a"}]}`, "from")
	f(`{"from":"1","to":2,"levels":[{"cluster":"a"}]}`, "from")
	f(`{"from":1,"to":99999999999999999999,"levels":[{"cluster":"a"}]}`, "to")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a"}],"aggregation":"median"}`, "aggregation")
	f(`{"from":1,"to":2,"levels":[{"cluster":"a"}]}`, "levels[0].node")
	f(`{"from":2,"to":3,"levels":[{"cluster":"a"}]}`, "")
	f(`{"from":0,"to":3,"levels":[{"cluster":"a"}]}{}`, "")

	large := `{"from":1,"to":2,"levels":[{"cluster":"` + strings.Repeat("a", 2<<20) + `"}]}`
	s.wantError(s.post("/api/v1/query", large), http.StatusRequestEntityTooLarge, "too_large", "")
	got := s.do(asked{
		method: http.MethodPost, path: "/api/v1/query", body: strings.NewReader(`{}`),
		header: map[string]string{"Content-Type": "text/yaml"},
	})
	s.wantError(got, http.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Type")
}

// Ensure the text of an error that is ours is for the log only, under an id that
// the caller has too; so is that of a panic.
func TestIncident(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.query = func(context.Context, query.Request) ([]query.Series, error) {
		return nil, errors.New("a fault of ours, with a secret")
	}
	f := func(got told) {
		t.Helper()
		e := s.wantError(got, http.StatusInternalServerError, "internal", "")
		if strings.Contains(got.body, "secret") || e.Error.Incident == "" {
			t.Errorf("got %s", got.body)
		}
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, e.Error.Incident) && strings.Contains(line, "a fault of ours, with a secret") {
				return
			}
		}
		t.Errorf("the log does not have %s: %s", e.Error.Incident, s.log)
	}
	f(s.post("/api/v1/query", `{"from":1,"to":2,"levels":[{"cluster":"a"}]}`))
	f(s.post("/api/v1/packets", message("panic", []byte("x"))))
}

func fill(s *server, n int) {
	for i := range n {
		s.ledger.PutTransfer(&transfer.Transfer{
			ID: fmt.Sprintf("1.2.%d", i), Site: "S", Server: "s:1", Client: "c", User: "u", Path: "/a&b",
			Opened: transfer.Interval{int64(1000 + i/3), int64(1001 + i/3)}, Closed: transfer.Interval{2000, 2000},
			Size: -1, End: transfer.Closed, Quality: transfer.Exact, Ops: &transfer.Ops{Read: 1},
		})
		c := &transfer.Claim{
			Run: fmt.Sprintf("r%d", i%2), ID: strconv.Itoa(i), Server: "s:1", Path: "/a", Opened: 1000.5 + float64(i/3),
			Outcome: transfer.OK, Received: &transfer.Bytes{Read: 5},
		}
		if _, err := s.ledger.PutClaim(c); err != nil {
			s.Fatal(err)
		}
	}
}

// Ensure all pages together are what is streamed, each entry once.
func TestPages(t *testing.T) {
	const n = 2500
	s := newServer(t, httpapi.Config{})
	fill(s, n)
	type page struct {
		Transfers, Claims []struct{ ID string }
		Next              string
	}
	f := func(path string, want, limit int) {
		t.Helper()
		all := s.get(path, "application/x-ndjson")
		if got := strings.Count(all.body, "\n"); got != want {
			t.Errorf("%s: %d lines, want %d", path, got, want)
		}
		var lines, paged []string
		for line := range strings.Lines(all.body) {
			var e struct{ ID string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, e.ID)
		}
		q := url.Values{}
		if limit != 0 {
			q.Set("limit", strconv.Itoa(limit))
		} else {
			limit = 1000
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		for {
			p := unmarshal[page](s, s.get(path+sep+q.Encode(), ""))
			entries := append(p.Transfers, p.Claims...)
			for _, e := range entries {
				paged = append(paged, e.ID)
			}
			if last := p.Next == ""; !last && len(entries) != limit || last && len(paged) > 0 && len(entries) == 0 {
				t.Errorf("%s: a page of %d, next %q", path, len(entries), p.Next)
			}
			if p.Next == "" {
				break
			}
			q.Set("after", p.Next)
		}
		if diff := cmp.Diff(lines, paged); diff != "" {
			t.Errorf("%s: pages (+) are not the stream (-)\n%s", path, diff)
		}
	}
	f("/api/v1/transfers", n, 0)
	f("/api/v1/transfers", n, 2499)
	f("/api/v1/transfers", n, 2500)
	f("/api/v1/transfers?from=1990&to=2100", n, 700) // open at that time
	f("/api/v1/transfers?to=1010", 30, 7)
	f("/api/v1/transfers?server=s:1&site=S&client=c&user=u&path=/a%26b", n, 0)
	f("/api/v1/transfers?user=other", 0, 0)
	f("/api/v1/claims", n, 0)
	f("/api/v1/claims?run=r1", n/2, 100)
	f("/api/v1/claims?run=none", 0, 0)

	if got := strings.Count(s.get("/api/v1/claims?limit=3", "application/x-ndjson").body, "\n"); got != 3 {
		t.Errorf("got %d lines, want 3", got)
	}
	s.wantError(s.get("/api/v1/claims", "text/csv"), http.StatusNotAcceptable, "not_acceptable", "Accept")
}

func someReport() *validate.Report {
	t := &transfer.Transfer{ID: "1.2.3", End: transfer.Closed, Quality: transfer.Exact, Path: "/a<b"}
	c := &transfer.Claim{Run: "r", ID: "1", Server: "s:1", Path: "/a<b", Opened: 5.5, Outcome: transfer.OK}
	return validate.Run(validate.Input{Claims: []*transfer.Claim{c}, Transfers: []*transfer.Transfer{t}}, validate.Options{})
}

// Ensure the parameters select, and Accept chooses the form.
func TestValidation(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	var asked validate.Options
	s.validate = func(_ context.Context, o validate.Options) (*validate.Report, error) {
		asked = o
		return someReport(), nil
	}
	got := s.get("/api/v1/validation?run=r&server=s:1&client=c&from=1&to=9", "*/*")
	if want := (validate.Options{Run: "r", Server: "s:1", Client: "c", From: 1, To: 9}); asked != want {
		t.Errorf("asked for %+v, want %+v", asked, want)
	}
	if diff := cmp.Diff(someReport(), unmarshal[validate.Report](s, got)); diff != "" {
		t.Error(diff)
	}
	s.get("/api/v1/validation?slack=1.5&late=0&tolerance_bytes=7&tolerance_share=0.25&step=60", "*/*")
	if want := (validate.Options{Slack: 1500 * time.Millisecond, Late: -1, Tolerance: validate.Tolerance{Bytes: 7, Share: 0.25}, Step: time.Minute}); asked != want {
		t.Errorf("asked for %+v, want %+v", asked, want)
	}
	s.get("/api/v1/validation?tolerance_bytes=0", "*/*")
	if want := (validate.Options{Exact: true}); asked != want {
		t.Errorf("asked for %+v, want %+v", asked, want)
	}
	for query, name := range map[string]string{
		"slack=-1": "slack", "slack=x": "slack", "late=86401": "late", "late=NaN": "late", "tolerance_bytes=1.5": "tolerance_bytes",
		"tolerance_bytes=-1": "tolerance_bytes", "tolerance_share=1": "tolerance_share", "tolerance_share=NaN": "tolerance_share", "step=0": "step", "csv=x": "csv",
	} {
		if got := s.get("/api/v1/validation?"+query, "*/*"); got.status != http.StatusBadRequest || !strings.Contains(got.body, name) {
			t.Errorf("%s: got %d %s", query, got.status, got.body)
		}
	}
	if got := s.get("/api/v1/validation?csv=slots", "text/csv"); !strings.HasPrefix(got.body, "server,client,others,") {
		t.Errorf("CSV of slots: got %q", got.body)
	}
	if got := s.get("/api/v1/validation", "application/x-ndjson"); strings.Count(got.body, "\n") != len(someReport().Verdicts) ||
		!strings.HasPrefix(got.body, `{"verdict":"`) {
		t.Errorf("NDJSON: got %q", got.body)
	}
	rows, err := csv.NewReader(strings.NewReader(s.get("/api/v1/validation", "text/csv").body)).ReadAll()
	if err != nil || len(rows) != 1+len(someReport().Verdicts) || rows[0][0] != "verdict" {
		t.Errorf("CSV: got %q, %v", rows, err)
	}
	var table bytes.Buffer
	if err := validate.WriteTable(&table, someReport()); err != nil {
		t.Fatal(err)
	}
	if got := s.get("/api/v1/validation", "text/plain"); got.body != table.String() || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("table: got %q %q", got.header, got.body)
	}
	if got := s.get("/api/v1/validation", "text/html"); !strings.HasPrefix(got.body, "<!DOCTYPE html>") || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("page: got %q %.100q", got.header, got.body)
	}
	s.wantError(s.get("/api/v1/validation", "image/png"), http.StatusNotAcceptable, "not_acceptable", "Accept")
}

// Ensure a report is written as encoding/json would, its lists never null.
func TestReportJSON(t *testing.T) {
	f := func(r, as *validate.Report) {
		t.Helper()
		w := httptest.NewRecorder()
		if err := httpapi.WriteReport(w, "json", r); err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(as)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Compact(&got, w.Body.Bytes()); err != nil {
			t.Fatal(err)
		}
		var escaped bytes.Buffer
		json.HTMLEscape(&escaped, got.Bytes())
		if escaped.String() != string(want) {
			t.Errorf("got  %s\nwant %s", &escaped, want)
		}
	}
	f(someReport(), someReport())
	empty := func(verdicts ...transfer.Verdict) *validate.Report {
		none := []validate.Group{}
		return &validate.Report{
			Runs: none, Sites: none, Servers: none, Clients: none, Paths: none,
			Losses: []validate.LossTotal{}, Monitoring: []validate.Monitoring{}, Bins: []validate.Bin{}, Slots: []validate.Slots{}, Verdicts: append([]transfer.Verdict{}, verdicts...),
		}
	}
	f(&validate.Report{}, empty())
	v := transfer.Verdict{Transfers: []*transfer.Transfer{}, Evidence: []string{}}
	f(&validate.Report{Verdicts: make([]transfer.Verdict, 2)}, empty(v, v))
}

// Ensure the best of what is offered is chosen, and nothing that was not asked for.
func TestAccept(t *testing.T) {
	f := func(header, want string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept", header)
		got, err := httpapi.Accept(r, "application/json", "text/csv")
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v, want %q", header, got, err, want)
		}
	}
	f("", "application/json")
	f("*/*", "application/json")
	f("text/*", "text/csv")
	f("TEXT/CSV", "text/csv")
	f("text/html,application/xhtml+xml,*/*;q=0.8", "application/json")
	f("text/csv;q=0.9, application/json;q=0.1", "text/csv")
	f("application/json;q=0, */*", "text/csv")
	f("text/csv;q=0", "")
	f("text/html", "")
	f(";;, text/csv", "text/csv")
	f("text/csv;q=much", "")
}

// Ensure the health routes tell what they should.
func TestHealth(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	f := func(path string, status int, body string) {
		t.Helper()
		got := s.do(asked{method: http.MethodGet, path: path, header: map[string]string{"Authorization": ""}})
		if got.status != status || got.body != body+"\n" {
			t.Errorf("%s: got %d %q, want %d %q", path, got.status, got.body, status, body)
		}
	}
	f("/readyz", 200, `{"ready":true}`)
	s.reasons = []string{"a checkpoint is being read"}
	f("/readyz", 503, `{"ready":false,"reasons":["a checkpoint is being read"]}`)
	f("/healthz", 200, `{"status":"ok"}`)
}

// Ensure requests are counted by route, and what was refused before ingest by reason.
func TestMetrics(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.post("/api/v1/packets", "{}{}"+message("bad", []byte("x")))
	s.get("/nowhere", "")
	s.do(asked{method: "BREW", path: "/api/v1/nothing/" + strings.Repeat("x", 100)})
	got := s.get("/metrics", "").body
	for _, want := range []string{
		`tallystick_http_requests_total{method="POST",route="/api/v1/packets",status="400"} 1`,
		`tallystick_http_requests_total{method="GET",route="none",status="404"} 1`,
		`tallystick_http_requests_total{method="other",route="none",status="404"} 1`,
		`tallystick_http_rejects_total{reason="data",route="/api/v1/packets"} 2`,
		`tallystick_http_request_duration_seconds_count{method="POST",route="/api/v1/packets"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, `reason="bad"`) {
		t.Error("what ingest refused is counted here too")
	}
}

// Ensure the contract is served as it is.
func TestOpenAPI(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	if got := s.get("/api/v1/openapi.yaml", ""); !strings.HasPrefix(got.body, "openapi: 3.0.3\n") {
		t.Errorf("got %d %.60q", got.status, got.body)
	}
}
