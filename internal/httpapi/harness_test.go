package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/api"
	"tallystick/internal/auth"
	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/query"
	"tallystick/internal/reconcile"
	"tallystick/internal/selector"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// intake is an ingest that takes everything but what says otherwise: a packet
// from "bad", a claim of the user "bad", and lines that begin with "bad"; with
// "full" instead of "bad" there is no room for it.
type intake struct {
	mu      sync.Mutex
	packets []collect.Packet
	batches []int
	claims  []*transfer.Claim
	lines   []string
	chunks  int
	options ingest.LineOptions
	took    chan int // if there is one, it is told the size of each batch
}

func (i *intake) Packets(_ context.Context, ps []collect.Packet) ingest.Result {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.took != nil {
		i.took <- len(ps)
	}
	i.batches = append(i.batches, len(ps))
	var r ingest.Result
	for n, p := range ps {
		if p.Remote == "panic" {
			panic("a fault of ours, with a secret")
		}
		if judge(&r, n, 0, p.Remote) {
			i.packets = append(i.packets, collect.Packet{Remote: p.Remote, Data: bytes.Clone(p.Data), Arrival: p.Arrival})
		}
	}
	return r
}

func (i *intake) Claims(_ context.Context, cs []*transfer.Claim) ingest.Result {
	i.mu.Lock()
	defer i.mu.Unlock()
	var r ingest.Result
	for n, c := range cs {
		if judge(&r, n, 0, c.User) {
			i.claims = append(i.claims, c)
		}
	}
	return r
}

func (i *intake) Lines(_ context.Context, body []byte, o ingest.LineOptions) ingest.Result {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.options = o
	i.chunks++
	var r ingest.Result
	n := 0
	for at, line := range strings.Split(strings.TrimSuffix(string(body), "\n"), "\n") {
		if line == "" {
			continue
		}
		if judge(&r, n, at+1, strings.SplitN(line, " ", 2)[0]) {
			i.lines = append(i.lines, line)
		}
		n++
	}
	return r
}

func judge(r *ingest.Result, index, line int, how string) bool {
	if how != "bad" && how != "full" {
		r.Accepted++
		return true
	}
	r.Rejected++
	if how == ingest.ReasonFull {
		r.Full++
	}
	if len(r.Errors) < ingest.MaxErrors {
		r.Errors = append(r.Errors, ingest.Reject{Index: index, Line: line, Reason: how, Text: "it says so"})
	}
	return false
}

// A queryFunc is a Querier of an empty store.
type queryFunc func(context.Context, query.Request) ([]query.Series, error)

func (f queryFunc) Query(ctx context.Context, r query.Request) ([]query.Series, error) {
	return f(ctx, r)
}

func (queryFunc) Reuse([]query.Series) {}

func (queryFunc) Metrics(context.Context, selector.Path, bool) ([]query.Metric, error) {
	return nil, nil
}

func (queryFunc) MetricsAt(selector.Path) []string { return nil }

func (queryFunc) Children(context.Context, selector.Path, selector.Path, int) ([]selector.Path, bool, error) {
	return nil, false, nil
}

// A server is an API under test. Every answer of it is held against the contract.
type server struct {
	testing.TB
	api      *httpapi.API
	http     *httptest.Server
	intake   *intake
	ledger   *ledger.Ledger
	query    queryFunc
	validate httpapi.Validator
	reasons  []string
	control  *control
	registry *prometheus.Registry
	log      *logBuffer
	key      auth.Key
	contract routers.Router
}

func newServer(tb testing.TB, cfg httpapi.Config) *server {
	tb.Helper()
	return newServerOf(tb, cfg, func(*server, *httpapi.Parts) {})
}

// newServerOf returns a server whose parts change has changed.
func newServerOf(tb testing.TB, cfg httpapi.Config, change func(*server, *httpapi.Parts)) *server {
	tb.Helper()
	s := &server{
		TB: tb, intake: new(intake), ledger: ledger.New(ledger.Config{}),
		registry: prometheus.NewRegistry(), log: new(logBuffer), control: new(control),
	}
	var err error
	registerNDJSON()
	if s.contract, err = gorillamux.NewRouter(document(tb)); err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "key.pem")
	if s.key, err = auth.CreateKey(file); err != nil {
		tb.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.Config{KeyFile: file}, time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	parts := httpapi.Parts{
		Auth: verifier, Ingest: s.intake, Ledger: s.ledger, Reconcile: reconcile.Default(), Control: s.control,
		Name: func(address string) (string, bool) {
			name, known := map[string]string{"192.0.2.1": "node1", "192.0.2.2": ""}[address]
			return name, !known
		},
		Query: queryFunc(func(ctx context.Context, r query.Request) ([]query.Series, error) { return s.query(ctx, r) }),
		Validate: func(ctx context.Context, o validate.Options) (*validate.Report, error) {
			return s.validate(ctx, o)
		},
		Ready:  func() []string { return s.reasons },
		Gather: s.registry, Register: s.registry,
		Log: slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	change(s, &parts)
	if s.api, err = httpapi.New(cfg, parts); err != nil {
		tb.Fatal(err)
	}
	s.http = httptest.NewServer(s.api)
	tb.Cleanup(s.http.Close)
	return s
}

func (s *server) token(roles ...auth.Role) string {
	s.Helper()
	token, err := s.key.Sign(auth.Claims{Subject: "tester", Roles: roles, TTL: time.Hour}, time.Now())
	if err != nil {
		s.Fatal(err)
	}
	return token
}

// A logBuffer may be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// An asked is a request to be.
type asked struct {
	method, path string
	header       map[string]string // Authorization is that of an admin if it is not here
	body         io.Reader
}

// A told is an answer.
type told struct {
	status int
	header http.Header
	body   string
}

func (s *server) do(a asked) told {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), a.method, s.http.URL+a.path, a.body)
	if err != nil {
		s.Fatal(err)
	}
	if _, there := a.header["Authorization"]; !there {
		req.Header.Set("Authorization", "Bearer "+s.token(auth.Admin))
	}
	for k, v := range a.header {
		if req.Header.Set(k, v); v == "" {
			req.Header.Del(k)
		}
	}
	res, err := s.http.Client().Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatalf("%s %s: read answer: %v", a.method, a.path, err)
	}
	s.hold(req, res, body)
	return told{res.StatusCode, res.Header, string(body)}
}

// hold holds an answer against the contract, if it has the route.
func (s *server) hold(req *http.Request, res *http.Response, body []byte) {
	s.Helper()
	plain := req.Clone(req.Context())
	plain.URL.Scheme, plain.URL.Host, plain.Host = "", "", ""
	route, params, err := s.contract.FindRoute(plain)
	if err != nil {
		return
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route, PathParams: params},
		Status:                 res.StatusCode, Header: res.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(req.Context(), in); err != nil {
		s.Errorf("%s %s: the answer %d %q breaks the contract: %v", req.Method, req.URL.Path, res.StatusCode, body, err)
	}
}

func (s *server) get(path, accept string) told {
	s.Helper()
	return s.do(asked{method: http.MethodGet, path: path, header: map[string]string{"Accept": accept}})
}

func (s *server) post(path, body string) told {
	s.Helper()
	return s.do(asked{method: http.MethodPost, path: path, body: strings.NewReader(body)})
}

var registerNDJSON = sync.OnceFunc(func() {
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/vnd.apache.arrow.stream", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/csv", openapi3filter.PlainBodyDecoder) // its own wants no quotes inside
})

func document(tb testing.TB) *openapi3.T {
	tb.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(api.OpenAPI()))
	if err != nil {
		tb.Fatal(err)
	}
	if err := doc.Validate(tb.Context()); err != nil { // what the server leaves out
		tb.Fatal(err)
	}
	return doc
}

// unmarshal reads the body of an answer.
func unmarshal[T any](s *server, a told) *T {
	s.Helper()
	v := new(T)
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		s.Fatalf("%q: %v", a.body, err)
	}
	return v
}

// fault is the error form.
type fault struct {
	ingest.Result
	Error struct{ Code, Message, Field, Incident string }
}

// wantError checks an answer that is an error.
func (s *server) wantError(a told, status int, code, field string) *fault {
	s.Helper()
	f := unmarshal[fault](s, a)
	if a.status != status || f.Error.Code != code || f.Error.Field != field || f.Error.Message == "" {
		s.Errorf("got %d %q, want %d, code %q, field %q and a message", a.status, a.body, status, code, field)
	}
	return f
}
