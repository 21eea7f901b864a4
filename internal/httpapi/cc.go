package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// The face of cc-metric-store: what a client of ClusterCockpit's metric store
// sends and expects, as the answers recorded from it tell (1.5.4). Where it
// answers differently on purpose is in docs/cc-metric-store.md, which the test
// that plays the records holds to.

// A Compat is what stands behind the face of cc-metric-store.
type Compat struct {
	Table  *metric.Table
	Store  Tree
	Reader func() *query.Reader // a new one: query.Engine.Reader
	Now    func() time.Time
	// Free gives back what ends at or before a time at and below levels: ingest.Ingest.Free.
	Free func(ctx context.Context, at []selector.Path, before int64) (blocks int, err error)
}

// A Tree has the series, level by level. *store.Store is one.
type Tree interface {
	Nodes() []selector.Path
	Held(at, from selector.Path) iter.Seq[store.Held]
	SpanAll(set []selector.Path, id metric.ID, from, to int64) store.Span
}

// ccRoutes returns the routes of the face. Each is there with a trailing slash
// too, and below that with anything.
func (a *API) ccRoutes() []Route {
	c := ccFace{a.parts.Compat, a.since}
	get, post := http.MethodGet, http.MethodPost
	return []Route{
		{get, "/api/query", auth.Viewer, true, c.query},
		{post, "/api/query", auth.Viewer, true, c.query},
		{post, "/api/write", auth.Writer, true, a.ccWrite},
		{post, "/api/free", auth.Operator, true, c.free},
		{get, "/api/debug", auth.Operator, true, c.debug},
		{get, "/api/healthcheck", auth.Viewer, true, c.health},
	}
}

// A ccFace answers what is asked of the tree.
type ccFace struct {
	Compat

	since func(from int64) error // as API.since
}

// ccGuard lets those through to the route that may. The contract is not held
// against what they ask: unknown parameters and keys are passed over here.
func (a *API) ccGuard(rt Route) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		ccForm(w)
		admitted, err := a.admit(w, r, rt.Role)
		if err != nil {
			return ccStranger(r, err)
		}
		return rt.handle(w, admitted)
	}
}

// ccStranger tells who shows no token of either kind what cc-metric-store does.
func ccStranger(r *http.Request, err error) error {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if r.Header.Get("X-Auth-Token") == "" && !strings.EqualFold(scheme, "bearer") {
		return &Error{Status: http.StatusUnauthorized, Message: "Use JWT Authentication"}
	}
	return err
}

// ccForm makes the errors of an answer those of the face.
func ccForm(w http.ResponseWriter) {
	if rw, ok := w.(*response); ok {
		rw.form = ccTell
	}
}

// ccTell answers with e. What cc-metric-store leaves to net/http is plain text.
func ccTell(w http.ResponseWriter, e *Error) {
	if e.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(max(e.Retry.Seconds(), 1))))
	}
	switch e.Status {
	case http.StatusUnauthorized:
		http.Error(w, e.Message, e.Status)
		return
	case http.StatusMethodNotAllowed:
		http.Error(w, http.StatusText(e.Status), e.Status)
		return
	}
	text := e.Error()
	if e.incident != "" {
		text += ", incident " + e.incident
	}
	_ = answer(w, e.Status, ccError{http.StatusText(e.Status), text}) // a client that has gone is not told
}

type ccError struct {
	Status string `json:"status"`
	Error  string `json:"error"`
}

// ccPath returns the route of the face that the path is of, empty if of none.
func (a *API) ccPath(path string) string {
	for _, rt := range a.ccRoutes() {
		if path == rt.Path || strings.HasPrefix(path, rt.Path+"/") {
			return rt.Path
		}
	}
	return ""
}

// maxCCQuestion bounds the body of a question, which is decoded whole: cc-backend
// asks for each metric of each node of a job on its own, with some 100 bytes.
const maxCCQuestion = 16 << 20

// ccDecode reads the body's first JSON value, as cc-metric-store does, whatever
// comes after it.
func ccDecode(w http.ResponseWriter, r *http.Request, into any, strict bool) error {
	body := http.MaxBytesReader(w, r.Body, maxCCQuestion)
	d := json.NewDecoder(body)
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(into)
	var (
		large *http.MaxBytesError
		kind  *json.UnmarshalTypeError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.As(err, &kind):
		return refuse(kind.Field, "cannot be a "+kind.Value)
	}
	return refuse("", strings.TrimPrefix(err.Error(), "json: "))
}
