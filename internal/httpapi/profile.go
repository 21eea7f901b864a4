package httpapi

import (
	"net/http"
	"net/http/pprof"

	"github.com/gorilla/mux"
)

// profile gives a profile of the process, as `go tool pprof` reads it. That of the CPU and
// the trace take as many seconds as are asked for.
func (*API) profile(w http.ResponseWriter, r *http.Request) error {
	switch name := mux.Vars(r)["profile"]; name {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Handler(name).ServeHTTP(w, r)
	}
	return nil
}
