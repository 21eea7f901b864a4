package httpapi

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tallystick/api"
)

type healthJSON struct {
	Status string `json:"status"`
}

func (*API) health(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, healthJSON{"ok"})
}

type readinessJSON struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons,omitempty"`
	Since   *int64   `json:"samples_since,omitempty"` // nil: all are there
}

func (a *API) ready(w http.ResponseWriter, _ *http.Request) error {
	reasons := a.parts.Ready()
	status := http.StatusOK
	if len(reasons) > 0 {
		status = http.StatusServiceUnavailable
	}
	body := readinessJSON{Ready: len(reasons) == 0, Reasons: reasons}
	if since := a.parts.Restored().Since; since != Everything {
		body.Since = &since
	}
	return answer(w, status, body)
}

func (a *API) metrics(w http.ResponseWriter, r *http.Request) error {
	promhttp.HandlerFor(a.parts.Gather, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // what can be told is told
	}).ServeHTTP(w, r)
	return nil
}

func (*API) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", typeYAML)
	_, err := io.WriteString(w, api.OpenAPI())
	return err
}
