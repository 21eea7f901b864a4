package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// newReal returns a server in front of the real parts, at the time of a capture,
// and what makes its collector wait no longer.
func newReal(t *testing.T, last float64) (s *server, settle func()) {
	t.Helper()
	now := time.Unix(int64(last), 0)
	table, err := metric.NewTable(append(metric.XRootD(60), metric.Metric{Name: "load_one", Step: 60}))
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(table, store.Config{MaxBytes: 64 << 20})
	s = newServerOf(t, httpapi.Config{}, func(s *server, p *httpapi.Parts) {
		in, err := ingest.New(ingest.Default(), ingest.Parts{
			Collector: func(out collect.Output) ingest.Collector { return collect.New(collect.Default(), out) },
			Ledger:    s.ledger, Store: st, Table: table, Now: func() time.Time { return now }, Metrics: s.registry,
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Ingest, p.Query = in, query.New(st, table, query.Config{})
		settle = func() {
			now = now.Add(time.Hour)
			in.Step()
		}
	})
	s.validate = func(_ context.Context, o validate.Options) (*validate.Report, error) {
		return validate.Books(s.ledger, o), nil
	}
	return s, settle
}

// Ensure a recorded run that is posted as a shoveler and its clients would is
// told as a match of every claim, in the report and in the metrics.
func TestCaptureOverHTTP(t *testing.T) {
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s01_full_reads")
	if err != nil {
		t.Fatal(err)
	}
	s, settle := newReal(t, c.Packets[len(c.Packets)-1].Time)
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		t.Fatal(err)
	}
	res := unmarshal[ingest.Result](s, s.post("/api/v1/packets", string(bytes.Join(messages, []byte("\n")))))
	if res.Accepted != len(messages) {
		t.Errorf("packets: %+v, want %d accepted", res, len(messages))
	}
	claims, err := json.Marshal(capture.Claims("run", c.Truth))
	if err != nil {
		t.Fatal(err)
	}
	res = unmarshal[ingest.Result](s, s.post("/api/v1/claims", string(claims)))
	if res.Accepted != len(c.Truth.Accesses) {
		t.Errorf("claims: %+v, want %d accepted", res, len(c.Truth.Accesses))
	}
	settle()

	r := unmarshal[validate.Report](s, s.get("/api/v1/validation?run=run", ""))
	if n := len(c.Truth.Accesses); r.Totals.Claims != n || r.Totals.Verdicts[transfer.Match] != n || len(r.Verdicts) != n {
		t.Errorf("got %+v, want %d matches", r.Totals, n)
	}
	type answer struct{ Series []query.Series }
	from := c.Packets[0].Time - 3600
	body := fmt.Sprintf(`{"from":%d,"to":%d,"metrics":["xrd_read_bytes","client_read_bytes"],"levels":[{"cluster":"*"}]}`,
		int64(from), int64(from)+7200)
	series := unmarshal[answer](s, s.post("/api/v1/query", body)).Series
	if len(series) != 2 {
		t.Errorf("got %d series, want 2", len(series))
	}
	for _, x := range series {
		sum := 0.0
		for _, v := range x.Values {
			if v == v {
				sum += float64(v)
			}
		}
		if want := float64(r.Totals.Claimed.Read); sum != want || want == 0 {
			t.Errorf("%s of %s is %v, want %v", x.Metric, x.Level, sum, want)
		}
	}
	for _, path := range []string{"/api/v1/transfers", "/api/v1/claims"} {
		if n := strings.Count(s.get(path, "application/x-ndjson").body, "\n"); n != len(c.Truth.Accesses) {
			t.Errorf("%s has %d, want %d", path, n, len(c.Truth.Accesses))
		}
	}
}

// Ensure a line is there to be asked for, and what is wrong with others is told
// with its line in the body.
func TestLinesOverHTTP(t *testing.T) {
	s, _ := newReal(t, 1_700_000_000)
	got := s.post("/api/v1/write?cluster=c", "load_one,hostname=n value=1.5 1699999980\n\n# no line\nload_two,hostname=n value=1\nload_one value=1\n")
	res := unmarshal[ingest.Result](s, got)
	if got.status != http.StatusOK || res.Accepted != 1 || res.Rejected != 2 ||
		res.Errors[0].Line != 4 || res.Errors[0].Index != 1 || res.Errors[1].Line != 5 || res.Errors[1].Index != 2 {
		t.Errorf("got %d %+v", got.status, res)
	}
	const want = `{"level":{"cluster":"c","node":"n"},"metric":"load_one","step":60,"from":1699999980,"values":[1.5]}`
	body := `{"from":1699999000,"to":1700001000,"levels":[{"cluster":"c","node":"*"}]}`
	if got := s.post("/api/v1/query", body); !strings.Contains(got.body, want) {
		t.Errorf("got %s, want %s in it", got.body, want)
	}
	s.wantError(s.post("/api/v1/query", `{"from":1,"to":2,"levels":[{"cluster":"[a"}]}`),
		http.StatusBadRequest, "bad_request", "levels[0].cluster")
}
