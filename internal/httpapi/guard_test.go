package httpapi_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tallystick/internal/httpapi"
	"tallystick/internal/validate"
)

// Ensure every answer, whatever it is, tells browsers to keep their hands off.
func TestPrivateHeaders(t *testing.T) {
	s := newServer(t, httpapi.Config{})

	s.validate = func(_ context.Context, _ validate.Options) (*validate.Report, error) {
		return new(validate.Report), nil
	}
	f := func(a told, status int, csp string) {
		t.Helper()
		want := map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": csp, "Strict-Transport-Security": "",
		}
		for name, want := range want {
			if got := strings.Join(a.header.Values(name), "|"); got != want {
				t.Errorf("%d: %s is %q, want %q", status, name, got, want)
			}
		}
		if a.status != status || len(a.header.Get("X-Request-Id")) < 20 {
			t.Errorf("got %d with the id %q, want %d and one of ours", a.status, a.header.Get("X-Request-Id"), status)
		}
	}
	const nothing = "default-src 'none'; frame-ancestors 'none'"
	f(s.get("/healthz", ""), http.StatusOK, nothing)
	f(s.get("/no/such", ""), http.StatusNotFound, nothing)
	f(s.post("/healthz", ""), http.StatusMethodNotAllowed, nothing)
	f(s.do(asked{method: http.MethodGet, path: "/metrics", header: map[string]string{"Authorization": ""}}), http.StatusUnauthorized, nothing)
	f(s.post("/api/query/?x=", "{"), http.StatusBadRequest, nothing)
	f(s.get("/api/v1/validation", "text/html"), http.StatusOK,
		"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")

	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
	r.TLS = new(tls.ConnectionState)
	s.api.ServeHTTP(w, r)
	if got := w.Header().Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("with TLS, got Strict-Transport-Security %q", got)
	}
}

// Ensure a request is known by the id that its sender gave it, in the answer and in the log,
// and by the trace that it is a part of.
func TestOrigin(t *testing.T) {
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	f := func(id, traceparent string, ours, traced bool) {
		t.Helper()
		s := newServer(t, httpapi.Config{})
		a := s.do(asked{method: http.MethodGet, path: "/healthz", header: map[string]string{
			"X-Request-Id": id, "Traceparent": traceparent,
		}})
		got := a.header.Get("X-Request-Id")
		if (got != id) != ours || got == "" {
			t.Errorf("%q: got the id %q, want one of ours: %v", id, got, ours)
		}
		log := s.log.String()
		if !strings.Contains(log, `"request_id":"`+got+`"`) {
			t.Errorf("%q: the log has no %q:\n%s", id, got, log)
		}
		if has := strings.Contains(log, `"trace_id":"`+trace+`","parent_id":"`+parent+`"`); has != traced {
			t.Errorf("%q: the log has the trace: %v, want %v:\n%s", traceparent, has, traced, log)
		}
	}
	good := "00-" + trace + "-" + parent + "-01"
	f("a.B-9", good, false, true)
	f("", "", true, false)
	f(strings.Repeat("x", 64), good[:54], false, false)
	f(strings.Repeat("x", 65), good+"-", true, false)
	f("a b", "01"+good[2:]+"-more", true, true)
	f(`"};{"`, "01"+good[2:]+"more", true, false)
	f("é", "ff"+good[2:], true, false)
	f("x", strings.ToUpper(good), false, false)
	f("x", "00-"+strings.Repeat("0", 32)+"-"+parent+"-01", false, false)
	f("x", "00-"+trace+"-"+strings.Repeat("0", 16)+"-01", false, false)
	f("x", "00-"+trace+"-"+parent+"-0g", false, false)
	f("x", "00_"+trace+"-"+parent+"-00", false, false)
}

// FuzzOrigin holds that whatever a sender calls its request, what is answered and logged is one
// word, and what is logged of a trace hexadecimal.
func FuzzOrigin(f *testing.F) {
	f.Add("id", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("a\nb", "cc-12345678901234567890123456789012-1234567890123456-01-what")
	f.Fuzz(func(t *testing.T, id, traceparent string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["X-Request-Id"], r.Header["Traceparent"] = []string{id}, []string{traceparent}
		word := func(s string, most int, of string) {
			if len(s) > most || strings.Trim(s, of) != "" {
				t.Errorf("%q, %q: got %q", id, traceparent, s)
			}
		}
		const hex = "0123456789abcdef"
		id, trace, parent := httpapi.OriginOf(r)
		word(id, 64, hex+"ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._:/+=-")
		word(trace, 32, hex)
		word(parent, 16, hex)
		if id == "" || (trace == "") != (parent == "") {
			t.Errorf("got the id %q, the trace %q, the parent %q", id, trace, parent)
		}
	})
}
