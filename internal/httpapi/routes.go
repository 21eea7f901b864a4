package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"tallystick/internal/auth"
)

// A Route is one operation of the contract.
type Route struct {
	Method string
	Path   string
	Role   auth.Role // that the caller must have; empty: none, for health and the index only
	Bulk   bool      // the body is not checked against the contract

	handle func(w http.ResponseWriter, r *http.Request) error
}

// Routes returns all routes. GET ones answer HEAD too.
func (a *API) Routes() []Route {
	get, post, put := http.MethodGet, http.MethodPost, http.MethodPut
	own := []Route{
		{get, "/", "", false, a.index},
		{get, "/healthz", "", false, a.health},
		{get, "/readyz", "", false, a.ready},
		{get, "/metrics", auth.Operator, false, a.metrics},
		{get, "/debug/pprof/{profile}", auth.Operator, false, a.profile},
		{get, "/api/v1/config/desired", auth.Admin, false, a.desired},
		{put, "/api/v1/config/desired", auth.Admin, true, a.putDesired},
		{get, "/api/v1/config/actual", auth.Admin, false, a.actual},
		{get, "/api/v1/log-level", auth.Admin, false, a.logLevel},
		{put, "/api/v1/log-level", auth.Admin, false, a.putLogLevel},
		{get, "/api/v1/openapi.yaml", auth.Viewer, false, a.openapi},
		{post, "/api/v1/packets", auth.Writer, true, a.packets},
		{post, "/api/v1/claims", auth.Writer, true, a.postClaims},
		{post, "/api/v1/write", auth.Writer, true, a.lines},
		{post, "/api/v1/query", auth.Viewer, false, a.query},
		{get, "/api/v1/metrics", auth.Viewer, false, a.metricList},
		{get, "/api/v1/tree", auth.Viewer, false, a.tree},
		{get, "/api/v1/servers", auth.Viewer, false, a.servers},
		{get, "/api/v1/servers/{id}/advice", auth.Viewer, false, a.advice},
		{get, "/api/v1/losses", auth.Viewer, false, a.losses},
		{get, "/api/v1/names", auth.Viewer, false, a.names},
		{get, "/api/v1/balances", auth.Viewer, false, a.balances},
		{get, "/api/v1/events", auth.Validator, false, a.events},
		{get, "/api/v1/transfers", auth.Validator, false, a.transfers},
		{get, "/api/v1/claims", auth.Validator, false, a.claims},
		{get, "/api/v1/validation", auth.Validator, false, a.validation},
	}
	return slices.Concat(own, a.ccRoutes(), a.influxRoutes())
}

// route makes the router. Paths are taken as they are: a cleaned path would be
// redirected to, which turns a POST into a GET.
func (a *API) route() error {
	a.router = mux.NewRouter().SkipClean(true)
	methods := map[string][]string{}
	for _, rt := range a.Routes() {
		op, err := a.contract.operation(rt)
		if err != nil {
			return err
		}
		ms := []string{rt.Method}
		if rt.Method == http.MethodGet {
			ms = append(ms, http.MethodHead)
		}
		methods[rt.Path] = append(methods[rt.Path], ms...)
		a.handle(rt, op, ms)
	}
	a.router.NotFoundHandler = a.handler("none", notFound)
	a.router.MethodNotAllowedHandler = a.handler("none", func(w http.ResponseWriter, r *http.Request) error {
		path := r.URL.Path
		if cc := a.ccPath(path); cc != "" {
			ccForm(w)
			path = cc
		}
		return notAllowed(w, r, methods[path])
	})
	return nil
}

// handle makes the router's routes of rt.
func (a *API) handle(rt Route, op *operation, methods []string) {
	if a.ccPath(rt.Path) == "" {
		guarded := a.guard(rt, op)
		if v := influxOf(rt.Path); v != nil {
			guarded = v.guard(guarded)
		}
		a.router.Handle(rt.Path, a.handler(rt.Path, guarded)).Methods(methods...)
		return
	}
	h := a.handler(rt.Path, a.ccGuard(rt))
	a.router.Handle(rt.Path, h).Methods(methods...)
	a.router.PathPrefix(rt.Path + "/").Handler(h).Methods(methods...)
}

// guard lets those through to the route that may and ask as the contract says.
func (a *API) guard(rt Route, op *operation) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		r, err := a.admit(w, r, rt.Role)
		if err != nil {
			return err
		}
		if err := op.check(w, r); err != nil {
			return err
		}
		return rt.handle(w, r)
	}
}

// Around returns h with what every request gets: an id, headers, a line in the log, a place in
// the numbers, by the name of the route.
func (a *API) Around(route string, h http.Handler) http.Handler {
	return a.handler(route, func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	})
}

func notFound(_ http.ResponseWriter, r *http.Request) error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("there is no %s here", r.URL.Path)}
}

func notAllowed(w http.ResponseWriter, r *http.Request, allowed []string) error {
	slices.Sort(allowed)
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	return &Error{
		Status:  http.StatusMethodNotAllowed,
		Message: fmt.Sprintf("%s takes %s, not %s", r.URL.Path, list, r.Method),
	}
}
