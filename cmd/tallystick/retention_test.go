package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestServeAsksForJobs asks cc-backend with its token, and tells how that went.
func TestServeAsksForJobs(t *testing.T) {
	t.Chdir(t.TempDir())
	asked := make(chan string, 1)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.URL.Path + " " + r.Header.Get("Authorization"):
		default:
		}
		_, _ = io.WriteString(w, `{"usedNodes":{"fritz":["f1","f2"]}}`)
	}))
	defer backend.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveIn(t, "--set", "retention.jobs.url="+backend.URL, "--set", "retention.jobs.token_file="+token)
	if got, want := <-asked, "/api/jobs/used_nodes Bearer secret"; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	s.out.until(t, "nodes of running jobs are known")
	metrics := string(s.do(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		"tallystick_jobs_up 1", "tallystick_jobs_nodes 2", "tallystick_jobs_failures_total 0", "tallystick_pressure_total 0",
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(metrics) {
			t.Errorf("/metrics does not say %q", want)
		}
	}
	if strings.Contains(s.out.String(), "secret") {
		t.Error("the log has the token")
	}
	s.stop()
}
