package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// send sends a request, and returns its answer.
func (s *served) send(method, path, ifMatch string, body []byte) (status int, tag, text string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if ifMatch != "" {
		req.Header.Set("If-Match", ifMatch)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("ETag"), string(b)
}

// Ensure the configuration can be read, replaced by who has seen it, and is in force or said to
// wait for a restart; that SIGHUP reads it again; and that nothing secret is shown on the way.
func TestServeConfiguration(t *testing.T) {
	const mark = "hunter2hunter2"
	t.Chdir(t.TempDir())
	writeFile(t, "c.yaml", "development: true\nlog: {level: info} # of now\nretention: {jobs: {url: 'http://me:"+mark+"@127.0.0.1:1'}}\n")
	s := serveIn(t, "--config", "c.yaml")

	status, tag, text := s.send(http.MethodGet, "/api/v1/config/desired", "", nil)
	if status != http.StatusOK || strings.Contains(text, mark) || !strings.Contains(text, "# of now") {
		t.Fatalf("got %d %s, want the file without its secret", status, text)
	}
	debug := []byte(strings.Replace(text, "info", "debug", 1) + "grace: 20s\n")
	status, newTag, text := s.send(http.MethodPut, "/api/v1/config/desired", tag, debug)
	if status != http.StatusOK || text != `{"applied":["log.level"],"restart":["grace"]}`+"\n" || newTag == tag {
		t.Errorf("got %d %s, want the level applied and the grace not", status, text)
	}
	if raw, err := os.ReadFile("c.yaml"); err != nil || !strings.Contains(string(raw), mark) || !strings.Contains(string(raw), "20s") {
		t.Errorf("got %v and %s, want the secret kept and the grace changed", err, raw)
	}
	s.out.until(t, `msg=request .*path=/api/v1/config/desired`)
	if status, _, _ = s.send(http.MethodPut, "/api/v1/config/desired", tag, debug); status != http.StatusPreconditionFailed {
		t.Errorf("for a file that is not there any more: got %d, want 412", status)
	}
	status, _, text = s.send(http.MethodPut, "/api/v1/config/desired", newTag, []byte("grce: 1s\n"))
	if status != http.StatusBadRequest || !strings.Contains(text, "did you mean grace?") {
		t.Errorf("got %d %s, want what is wrong", status, text)
	}
	status, _, text = s.send(http.MethodGet, "/api/v1/config/actual", "", nil)
	if status != http.StatusOK || strings.Contains(text, mark) || !strings.Contains(text, "level: DEBUG") || !strings.Contains(text, "grace: 30s") {
		t.Errorf("got %d %s, want the level that is applied, and the grace that is not", status, text)
	}

	if status, _, text = s.send(http.MethodPut, "/api/v1/log-level", "", []byte(`{"level":"error"}`)); status != http.StatusOK {
		t.Errorf("got %d %s, want 200", status, text)
	}
	writeFile(t, "c.yaml", "development: true\ngrace: 10s\n")
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	s.out.until(t, `the configuration is read again" applied=\[log.level\] restart="\[grace retention.jobs.url\]"`)
	writeFile(t, "c.yaml", "development: true\ngrace: no\n")
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	s.out.until(t, `the configuration is wrong.*grace`)
	if strings.Contains(s.out.String(), mark) {
		t.Errorf("a secret is in the log:\n%s", s.out)
	}
	s.stop()
}
