package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"syscall"
)

// A Control is the process to those who run it.
type Control interface {
	// Desired returns the configuration as it is written down, but what is secret, and a tag
	// that changes with it. The error may be ErrNoConfiguration.
	Desired() (text []byte, tag string, err error)
	// Replace writes another one, if the present one has the tag; * is any. Secrets as Desired
	// hid them stay. What can be changed at once is. The error may be ErrNoConfiguration,
	// ErrOtherTag, a *ConfigurationError, or of the file system.
	Replace(text []byte, tag string) (Replaced, error)
	// Actual returns the configuration that the process runs with, but what is secret.
	Actual() (text []byte, tag string, err error)
	// Level is what is logged. SetLevel changes it, until the next reload.
	Level() slog.Level
	SetLevel(to slog.Level)
}

// The errors of a Control.
var (
	ErrNoConfiguration = errors.New("the process was started without a configuration file")
	ErrOtherTag        = errors.New("the configuration has changed")
)

// A ConfigurationError says what is wrong with a configuration, each thing on a line.
type ConfigurationError struct{ Problems string }

// Error returns the problems.
func (e *ConfigurationError) Error() string { return e.Problems }

// Replaced is what a new configuration came to.
type Replaced struct {
	Tag     string   `json:"-"`
	Applied []string `json:"applied"` // keys that have changed, and are in force
	Restart []string `json:"restart"` // keys that have changed, and need a restart
}

func (a *API) desired(w http.ResponseWriter, _ *http.Request) error {
	text, tag, err := a.parts.Control.Desired()
	return tellConfiguration(w, text, tag, err)
}

func (a *API) actual(w http.ResponseWriter, _ *http.Request) error {
	text, tag, err := a.parts.Control.Actual()
	return tellConfiguration(w, text, tag, err)
}

func tellConfiguration(w http.ResponseWriter, text []byte, tag string, err error) error {
	if err != nil {
		return ofControl(err)
	}
	w.Header().Set("Content-Type", typeYAML)
	w.Header().Set("ETag", `"`+tag+`"`)
	_, err = w.Write(text)
	return err
}

func (a *API) putDesired(w http.ResponseWriter, r *http.Request) error {
	tag, err := ifMatch(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	done, err := a.parts.Control.Replace(text, tag)
	if err != nil {
		return ofControl(err)
	}
	a.changed(w, r, "configuration replaced", "applied", done.Applied, "restart", done.Restart)
	done.Applied, done.Restart = list(done.Applied), list(done.Restart)
	w.Header().Set("ETag", `"`+done.Tag+`"`)
	return answer(w, http.StatusOK, &done)
}

// ifMatch returns the tag that the request is about.
func ifMatch(r *http.Request) (string, error) {
	header := strings.Join(r.Header.Values("If-Match"), ",")
	tag, opened := strings.CutPrefix(header, `"`)
	tag, closed := strings.CutSuffix(tag, `"`)
	switch {
	case header == "":
		return "", &Error{
			Status: http.StatusPreconditionRequired, Field: "If-Match",
			Message: "say which configuration you have seen: its ETag, or *",
		}
	case header == "*":
		return header, nil
	case !opened || !closed || strings.Contains(tag, `"`):
		return "", refuse("If-Match", "is neither one strong ETag nor *")
	}
	return tag, nil
}

// ofControl returns what the caller is told of err.
func ofControl(err error) error {
	var wrong *ConfigurationError
	switch {
	case errors.Is(err, ErrNoConfiguration):
		return &Error{Status: http.StatusNotFound, Message: err.Error()}
	case errors.Is(err, ErrOtherTag):
		return &Error{Status: http.StatusPreconditionFailed, Field: "If-Match", Message: err.Error()}
	case errors.As(err, &wrong):
		return refuse("", wrong.Problems)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &Error{Status: http.StatusConflict, Message: err.Error()}
	}
	return err
}

// A levelBody is the body of /api/v1/log-level.
type levelBody struct {
	Level slog.Level `json:"level"`
}

func (a *API) logLevel(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, levelBody{a.parts.Control.Level()})
}

func (a *API) putLogLevel(w http.ResponseWriter, r *http.Request) error {
	var body levelBody
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return refuse("level", "the body is not {\"level\": …} with debug, info, warn or error")
	}
	a.parts.Control.SetLevel(body.Level)
	a.changed(w, r, "log level changed", "level", body.Level)
	return answer(w, http.StatusOK, body)
}

// changed logs who changed something.
func (a *API) changed(w http.ResponseWriter, r *http.Request, what string, args ...any) {
	if rw, ok := w.(*response); ok {
		args = rw.origin.log(append(args, "user", rw.user)...)
	}
	a.parts.Log.InfoContext(r.Context(), what, args...) //nolint:sloglint // it is one of two constants
}
