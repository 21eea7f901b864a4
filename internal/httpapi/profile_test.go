package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"tallystick/internal/httpapi"
)

// Profiles are what go tool pprof reads, or text.
func TestProfile(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	f := func(path string, code int, begins string) {
		t.Helper()
		if got := s.get("/debug/pprof/"+path, ""); got.status != code || !strings.HasPrefix(got.body, begins) {
			t.Errorf("%s: got %d, %.400q, want %d, %q", path, got.status, got.body, code, begins)
		}
	}
	const gzip = "\x1f\x8b"
	f("heap", http.StatusOK, gzip)
	f("mutex", http.StatusOK, gzip)
	f("profile?seconds=1", http.StatusOK, gzip)
	f("trace?seconds=1", http.StatusOK, "go 1.")
	f("goroutine?debug=1", http.StatusOK, "goroutine profile: total")
	f("cmdline", http.StatusBadRequest, "{")
	f("heap?seconds=1000", http.StatusBadRequest, "{")
	f("heap/", http.StatusNotFound, "{")
}
