package httpapi_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
)

// Ensure who makes more requests than may be is told when to come again, in the form of each face,
// and nobody else is.
func TestLimitOfRate(t *testing.T) {
	s := newServer(t, httpapi.Config{Limits: httpapi.Limits{Rate: 0.01, Burst: 2}})
	mine, other := s.token(auth.Writer), s.token(auth.Writer) // of one name, with two IDs
	f := func(path, token string, status int) {
		t.Helper()
		got := s.do(asked{
			method: http.MethodPost, path: path, body: strings.NewReader("m,cluster=c,host=h value=1\n"),
			header: map[string]string{"Authorization": "Bearer " + token},
		})
		if got.status != status {
			t.Errorf("%s: got %d %q, want %d", path, got.status, got.body, status)
		}
		if status != http.StatusTooManyRequests {
			return
		}
		after, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil || after < 1 || after > 100 || !strings.Contains(got.body, "http.limits.rate") {
			t.Errorf("%s: got Retry-After %q and %q, want 1 to 100 and why", path, got.header.Get("Retry-After"), got.body)
		}
	}
	f("/api/v1/write", mine, http.StatusNoContent)
	f("/api/write", mine, http.StatusOK)
	for _, path := range []string{"/api/v1/write", "/write", "/api/v2/write", "/api/write"} {
		f(path, mine, http.StatusTooManyRequests)
	}
	f("/api/v1/write", other, http.StatusNoContent)
	if n := len(s.intake.lines); n != 3 {
		t.Errorf("ingest got %d lines, want 3", n)
	}
	if got := s.limited("rate"); got != 4 {
		t.Errorf("counted %v, want 4", got)
	}
}

// Ensure no more requests of one caller are in hand than may be, and that each that ends, well
// or not, makes room for another.
func TestLimitOfConcurrency(t *testing.T) {
	s := newServer(t, httpapi.Config{Limits: httpapi.Limits{Concurrent: 1}})
	token := s.token(auth.Writer)
	one := func(body io.Reader) int {
		return s.do(asked{
			method: http.MethodPost, path: "/api/v1/packets", body: body,
			header: map[string]string{"Authorization": "Bearer " + token},
		}).status
	}
	s.intake.took = make(chan int) // a batch waits until the test has heard of it
	body, sender := io.Pipe()
	first := make(chan int)
	go func() { first <- one(body) }()
	if _, err := io.WriteString(sender, strings.Repeat(message("a:1", []byte("x")), 512)); err != nil {
		t.Fatal(err)
	}
	<-s.intake.took // it is in hand now, and waits for more of its body
	if got := one(strings.NewReader("")); got != http.StatusTooManyRequests {
		t.Errorf("a second one: got %d, want %d", got, http.StatusTooManyRequests)
	}
	if got := s.get("/api/v1/metrics", "").status; got != http.StatusOK {
		t.Errorf("another caller: got %d, want %d", got, http.StatusOK)
	}
	sender.Close()
	if got := <-first; got != http.StatusOK {
		t.Errorf("the first one: got %d, want %d", got, http.StatusOK)
	}
	s.intake.took = nil
	for _, bad := range []string{"panic", "a:1", "panic", "a:1"} {
		if got := one(strings.NewReader(message(bad, []byte("x")))); got == http.StatusTooManyRequests {
			t.Errorf("after one that has ended: got %d", got)
		}
	}
	if got := s.limited("concurrent"); got != 1 {
		t.Errorf("counted %v, want 1", got)
	}
}

// limited returns how many requests a limit has refused.
func (s *server) limited(limit string) float64 {
	s.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "tallystick_http_limited_total" && m.GetLabel()[0].GetValue() == limit {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// Ensure the rate comes back with time, and that callers without end take bounded memory.
func TestLimitIsBounded(t *testing.T) {
	l, err := httpapi.NewLimiter(httpapi.Config{Limits: httpapi.Limits{Rate: 2, Burst: 1}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	u := auth.User{Name: "a", TokenID: "1"}
	for i, want := range []time.Duration{0, 500 * time.Millisecond, 500 * time.Millisecond} {
		if _, _, got := l.Enter(u, now); got != want {
			t.Errorf("request %d: got a wait of %v, want %v", i+1, got, want)
		}
	}
	if _, _, got := l.Enter(u, now.Add(500*time.Millisecond)); got != 0 {
		t.Errorf("half a second later: got a wait of %v, want none", got)
	}
	for i := range 10_000 {
		l.Enter(auth.User{Name: "b", TokenID: strconv.Itoa(i)}, now)
	}
	if n := l.Len(); n != 4096 {
		t.Errorf("%d callers are remembered, want 4096", n)
	}
}

// Ensure callers that have limits of their own have these, and of what is not said everybody's.
func TestLimitsOfNames(t *testing.T) {
	all := httpapi.Limits{Rate: 2, Burst: 1, Concurrent: 1}
	l, err := httpapi.NewLimiter(httpapi.Config{Limits: all, Callers: map[string]httpapi.CallerLimits{
		"site": {Limits: httpapi.Limits{Concurrent: 3, Burst: 10}},
		"slow": {Limits: httpapi.Limits{Rate: 0.001}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	f := func(name, want string) {
		t.Helper()
		if _, reason, _ := l.Enter(auth.User{Name: name, TokenID: name}, now); reason != want {
			t.Errorf("%s: got %q, want %q", name, reason, want)
		}
	}
	f("other", "")
	f("other", "concurrent")
	f("site", "")
	f("site", "")
	f("site", "")
	f("site", "concurrent")
	f("slow", "")
	f("slow", "concurrent")
}

// Ensure bodies are as long as who sends them may, packed or not, whatever others may.
func TestLimitOfBody(t *testing.T) {
	s := newServer(t, httpapi.Config{MaxBody: 40, Callers: map[string]httpapi.CallerLimits{
		"tester": {MaxBody: 80},
	}})
	f := func(body string, want int) {
		t.Helper()
		got := s.do(asked{
			method: http.MethodPost, path: "/api/v1/write", body: strings.NewReader(body),
			header: map[string]string{"Authorization": "Bearer " + s.token(auth.Writer)},
		})
		if got.status != want {
			t.Errorf("%d bytes: got %d %q, want %d", len(body), got.status, got.body, want)
		}
		if want == http.StatusRequestEntityTooLarge && !strings.Contains(got.body, "80 bytes") {
			t.Errorf("got %q, want how long it may be", got.body)
		}
	}
	const line = "m,cluster=c,host=h value=1\n"
	f(line+line, http.StatusNoContent)
	f(line+line+line, http.StatusRequestEntityTooLarge)
}
