package forward_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tallystick/internal/durable/durabletest"
	"tallystick/internal/forward"
	"tallystick/internal/ledger"
	"tallystick/internal/record"
)

// A receiver takes records by HTTP.
type receiver struct {
	mu       sync.Mutex
	answer   func(body string, r *http.Request) int // nil: it takes all
	got      []string                               // ids
	requests int
	t        *testing.T
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	code := http.StatusNoContent
	if r.answer != nil {
		code = r.answer(string(body), req)
	}
	if err == nil && code < 300 {
		r.got = append(r.got, ids(r.t, string(body))...)
	}
	w.WriteHeader(code)
}

// set changes how the receiver answers.
func (r *receiver) set(answer func(body string, r *http.Request) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) want(what string, want ...string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.got, want) {
		r.t.Errorf("%s: got %q, want %q", what, r.got, want)
	}
}

func always(code int) func(string, *http.Request) int {
	return func(string, *http.Request) int { return code }
}

// refuses answers 400 to a body with one of these transfers in it.
func refuses(ids ...int) func(string, *http.Request) int {
	return func(body string, _ *http.Request) int {
		for _, id := range ids {
			if strings.Contains(body, fmt.Sprintf(".%04d\"", id)) {
				return http.StatusBadRequest
			}
		}
		return http.StatusOK
	}
}

// post begins with an output that posts to a receiver.
func post(t *testing.T, o forward.HTTPConfig) (*receiver, *world) {
	t.Helper()
	r := &receiver{t: t}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	o.URL = s.URL + "/in?secret"
	return r, start(t, ledger.New(ledger.Config{}), one(forward.Output{HTTP: o}), forward.Parts{Dir: t.TempDir()})
}

func TestHTTP(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	write := func() {
		t.Helper()
		if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := (forward.HTTPConfig{TokenFile: token}).CheckFiles(); len(got) != 1 || got[0].Key != "token_file" {
		t.Errorf("got %v without a token", got)
	}
	write()
	r, w := post(t, forward.HTTPConfig{TokenFile: token})
	put(w.ledger, 1, 1, 2)
	if err := os.Remove(token); err != nil { // while it is renewed
		t.Fatal(err)
	}
	if err := w.step(); err == nil {
		t.Error("no error without a token")
	}
	write()
	r.set(func(_ string, req *http.Request) int {
		if req.Method != http.MethodPost || req.URL.Path != "/in" || req.Header.Get("Authorization") != "Bearer t0ken" ||
			req.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("got %s %s with %v", req.Method, req.URL, req.Header)
		}
		return http.StatusOK
	})
	w.must()
	r.want("all", "1.1 1", "2.1 1")
	for _, code := range []int{401, 403, 404, 302, 429, 500, 503} {
		r.set(always(code))
		put(w.ledger, int64(code), 3)
		if err := w.step(); err == nil || !strings.Contains(err.Error(), strconv.Itoa(code)) {
			t.Errorf("%d: got %v, want an error that tells it", code, err)
		}
	}
	r.set(nil)
	w.must()
	r.want("the last revision only", "1.1 1", "2.1 1", "3.7 503")
	w.wantCounts(map[string]float64{"sent_total": 3, "errors_total": 8, "waiting": 0, "refused_total": 0})
	if log := w.log.String(); strings.Contains(log, "secret") || strings.Contains(log, "t0ken") || !strings.Contains(log, "level=WARN") {
		t.Errorf("the log has a secret in it, or no warning:\n%s", log)
	}
}

// A record that the receiver refuses for good is left out, if it takes others.
func TestHTTPRefused(t *testing.T) {
	r, w := post(t, forward.HTTPConfig{})
	r.set(refuses(2, 5, 6, 9))
	put(w.ledger, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if err := w.step(); err == nil {
		t.Error("the last one is refused, and nothing comes after it: no error")
	}
	r.want("all but the bad", "1.1 1", "3.1 1", "4.1 1", "7.1 1", "8.1 1")
	w.wantCounts(map[string]float64{"refused_total": 3, "waiting": 1})
	put(w.ledger, 1, 10)
	w.must()
	r.want("all but the bad", "1.1 1", "3.1 1", "4.1 1", "7.1 1", "8.1 1", "10.1 1")
	w.wantCounts(map[string]float64{"refused_total": 4, "waiting": 0, "sent_total": 6})

	// A receiver that refuses everything is itself what is wrong: nothing is left out.
	r.set(always(http.StatusBadRequest))
	for i := range 40 {
		put(w.ledger, 1, 100+i)
	}
	for range 3 {
		if err := w.step(); err == nil {
			t.Error("all are refused: no error")
		}
	}
	w.wantCounts(map[string]float64{"refused_total": 4, "waiting": 40})
	r.set(nil)
	w.must()
	w.wantCounts(map[string]float64{"refused_total": 4, "waiting": 0, "sent_total": 46})
}

// What was acknowledged is not sent again after a restart, also if the place could not
// be written at first.
func TestHTTPPlace(t *testing.T) {
	dir := t.TempDir()
	r, w := post(t, forward.HTTPConfig{})
	s := httptest.NewServer(r)
	defer s.Close()
	cfg := one(forward.Output{HTTP: forward.HTTPConfig{URL: s.URL}})
	fsys := &durabletest.FS{Faults: []durabletest.Fault{{Kind: durabletest.Rename, At: 13}}} // the second place
	w = start(t, w.ledger, cfg, forward.Parts{Dir: dir, FS: fsys})
	put(w.ledger, 1, 1)
	if err := w.step(); err == nil {
		t.Fatalf("no error of the place that cannot be written: %v", fsys.Ops())
	}
	w.must()
	w = start(t, w.ledger, cfg, forward.Parts{Dir: dir})
	put(w.ledger, 1, 2)
	w.must()
	r.want("each once", "1.1 1", "2.1 1")

	if err := os.WriteFile(filepath.Join(dir, "out.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := tryStart(t, w.ledger, cfg, forward.Parts{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "out.json") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// A receiver that is not there is one that comes later.
func TestHTTPUnreachable(t *testing.T) {
	r := &receiver{t: t}
	s := httptest.NewServer(r)
	cfg := one(forward.Output{HTTP: forward.HTTPConfig{URL: s.URL}})
	s.Close()
	w := start(t, ledger.New(ledger.Config{}), cfg, forward.Parts{Dir: t.TempDir()})
	put(w.ledger, 1, 1)
	if err := w.step(); err == nil {
		t.Error("no error without a receiver")
	}
	w.wantCounts(map[string]float64{"waiting": 1, "errors_total": 1})
}

func TestHTTPAuthority(t *testing.T) {
	r := &receiver{t: t}
	s := httptest.NewTLSServer(r)
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cfg := one(forward.Output{HTTP: forward.HTTPConfig{URL: s.URL, CAFile: ca}})
	l := ledger.New(ledger.Config{})
	parts := forward.Parts{Dir: t.TempDir()}
	if _, err := tryStart(t, l, cfg, parts); err == nil {
		t.Error("no error without the file")
	}
	if err := os.WriteFile(ca, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, l, cfg, parts); err == nil {
		t.Error("no error of a file without certificates")
	}
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	w := start(t, l, cfg, parts)
	put(l, 1, 1)
	w.must()
	r.want("by TLS", "1.1 1")
}

// What an output leaves out is counted by why, once, and is not waited for.
func TestLeftOut(t *testing.T) {
	r := &receiver{t: t, answer: always(503)}
	s := httptest.NewServer(r)
	defer s.Close()
	cfg := one(forward.Output{
		HTTP: forward.HTTPConfig{URL: s.URL}, Route: record.Default, DropPathPrefixes: []string{"/data/2"},
	})
	cfg.WLCG.PathPrefixes = []string{"/data/1"}
	w := start(t, ledger.New(ledger.Config{}), cfg, forward.Parts{Dir: t.TempDir()})
	put(w.ledger, 1, 1, 2, 3, 4, 10, 11)
	for range 3 {
		_ = w.step()
	}
	r.set(nil)
	w.must()
	r.want("the others", "3.1 1", "4.1 1")
	w.wantCounts(map[string]float64{"skipped_total": 4, "waiting": 0, "sent_total": 2})
	put(w.ledger, 1, 12)
	w.must()
	w.wantCounts(map[string]float64{"skipped_total": 5, "waiting": 0})
}
