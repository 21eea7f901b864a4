package httpapi

import "net/http"

// CCHandler is the face of cc-metric-store without all that is in front of it.
func CCHandler(c Compat) http.Handler {
	face := ccFace{c, func(int64) error { return nil }}
	routes := map[string]handlerFunc{
		"/api/query": face.query, "/api/free": face.free, "/api/debug": face.debug, "/api/healthcheck": face.health,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := routes[r.URL.Path](w, r); err != nil {
			ccTell(w, known(err))
		}
	})
}
