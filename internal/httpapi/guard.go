package httpapi

import (
	"maps"
	"net/http"
)

const (
	headerCSP = "Content-Security-Policy"
	// pageCSP is of pages of ours, whose style is in them, and which have no scripts.
	pageCSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	// transport has browsers never again come without TLS, for a year.
	transport = "max-age=31536000"
)

// privateHeader is what every answer begins with: nobody keeps it, guesses what it is, shows
// it in a frame, or runs anything that is in it.
func privateHeader() http.Header {
	return http.Header{
		"Cache-Control":          {"no-store"},
		"X-Content-Type-Options": {"nosniff"},
		headerCSP:                {"default-src 'none'; frame-ancestors 'none'"},
		"Referrer-Policy":        {"no-referrer"},
	}
}

// begin begins an answer.
func (a *API) begin(w *response, r *http.Request) {
	h := w.Header()
	maps.Copy(h, a.header)
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", transport)
	}
	w.origin = originOf(r)
	h.Set("X-Request-Id", w.origin.id)
}
