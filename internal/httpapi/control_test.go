package httpapi_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"tallystick/internal/httpapi"
)

// A control is a process with the configuration text.
type control struct {
	text, seen string // seen is the tag of Replace
	err        error
	level      slog.Level
}

func (c *control) Desired() ([]byte, string, error) { return []byte(c.text), "t1", c.err }
func (c *control) Actual() ([]byte, string, error)  { return []byte(c.text), "a1", c.err }
func (c *control) Level() slog.Level                { return c.level }
func (c *control) SetLevel(to slog.Level)           { c.level = to }

func (c *control) Replace(text []byte, tag string) (httpapi.Replaced, error) {
	c.seen = tag
	if c.err == nil {
		c.text = string(text)
	}
	return httpapi.Replaced{Tag: "t2", Applied: []string{"log.level"}}, c.err
}

func TestConfiguration(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.control.text = "grace: 1s\n"
	for path, tag := range map[string]string{"/api/v1/config/desired": `"t1"`, "/api/v1/config/actual": `"a1"`} {
		if a := s.get(path, ""); a.status != http.StatusOK || a.body != s.control.text || a.header.Get("ETag") != tag {
			t.Errorf("%s: got %d %q with the tag %s, want the text and %s", path, a.status, a.body, a.header.Get("ETag"), tag)
		}
	}
	put := func(match, body string) told {
		t.Helper()
		return s.do(asked{
			method: http.MethodPut, path: "/api/v1/config/desired",
			header: map[string]string{"If-Match": match, "Content-Type": "application/yaml"}, body: strings.NewReader(body),
		})
	}
	a := put(`"t1"`, "grace: 2s\n")
	if a.status != http.StatusOK || a.body != `{"applied":["log.level"],"restart":[]}`+"\n" || a.header.Get("ETag") != `"t2"` {
		t.Errorf("got %d %q with the tag %s, want what was applied", a.status, a.body, a.header.Get("ETag"))
	}
	if s.control.text != "grace: 2s\n" || s.control.seen != "t1" {
		t.Errorf("got %q for the tag %q, want what was sent", s.control.text, s.control.seen)
	}
	if log := s.log.String(); !strings.Contains(log, "configuration replaced") || !strings.Contains(log, `"user":"tester"`) {
		t.Errorf("the log does not say who did it:\n%s", log)
	}
	if put("*", "grace: 3s\n"); s.control.seen != "*" {
		t.Errorf("got the tag %q, want *", s.control.seen)
	}

	s.wantError(put("", ""), http.StatusPreconditionRequired, "precondition_required", "If-Match")
	for _, match := range []string{"t1", `W/"t1"`, `"a", "b"`, `"`} {
		s.wantError(put(match, ""), http.StatusBadRequest, "bad_request", "If-Match")
	}
	s.wantError(put("*", strings.Repeat("#", 1<<20+1)), http.StatusRequestEntityTooLarge, "too_large", "")
	f := func(err error, status int, code, field string) {
		t.Helper()
		s.control.err = err
		s.wantError(put("*", ""), status, code, field)
	}
	f(httpapi.ErrOtherTag, http.StatusPreconditionFailed, "precondition_failed", "If-Match")
	f(httpapi.ErrNoConfiguration, http.StatusNotFound, "not_found", "")
	f(fmt.Errorf("write: %w", fs.ErrPermission), http.StatusConflict, "conflict", "")
	f(fmt.Errorf("write: %w", syscall.EROFS), http.StatusConflict, "conflict", "")
	f(&httpapi.ConfigurationError{Problems: "a: 1\nb: 2"}, http.StatusBadRequest, "bad_request", "")
	f(errors.New("whatever"), http.StatusInternalServerError, "internal", "")
	s.control.err = httpapi.ErrNoConfiguration
	s.wantError(s.get("/api/v1/config/desired", ""), http.StatusNotFound, "not_found", "")
}

func TestLogLevel(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	f := func(body string, status int, want slog.Level) {
		t.Helper()
		a := s.do(asked{method: http.MethodPut, path: "/api/v1/log-level", body: strings.NewReader(body)})
		if a.status != status || s.control.level != want {
			t.Errorf("%s: got %d %q and the level %v, want %d and %v", body, a.status, a.body, s.control.level, status, want)
		}
	}
	f(`{"level":"debug"}`, http.StatusOK, slog.LevelDebug)
	f(`{"level":"loud"}`, http.StatusBadRequest, slog.LevelDebug)
	f(`{"level":""}`, http.StatusBadRequest, slog.LevelDebug)
	f(`{}`, http.StatusBadRequest, slog.LevelDebug)
	f(`{"level":"warn+2"}`, http.StatusOK, slog.LevelWarn+2)
	if a := s.get("/api/v1/log-level", ""); a.body != `{"level":"WARN+2"}`+"\n" {
		t.Errorf("got %q, want warn+2", a.body)
	}
}
