package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"tallystick/internal/httpapi"
)

// Ensure who comes to / is told where to go: places that there are, in the form that they can show.
func TestIndex(t *testing.T) {
	s := newServerOf(t, httpapi.Config{}, func(_ *server, p *httpapi.Parts) { p.Account = "/account" })
	there := map[string]bool{"/account": true}
	for _, r := range s.api.Routes() {
		there[r.Path] = r.Method == http.MethodGet || there[r.Path]
	}
	ask := func(accept string) told {
		t.Helper()
		return s.do(asked{method: http.MethodGet, path: "/", header: map[string]string{"Accept": accept, "Authorization": ""}})
	}
	page := ask("text/html,*/*;q=0.8")
	links := strings.Split(page.body, `<a href="`)[1:]
	for _, link := range links {
		if path, _, _ := strings.Cut(link, `"`); !there[path] || path == "/" {
			t.Errorf("it leads to %q, where nothing is", path)
		}
	}
	if len(links) < 4 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("got %d %s", page.status, page.body)
	}
	for _, accept := range []string{"*/*", "", "application/json", "text/plain"} {
		got := ask(accept)
		if got.status != http.StatusOK || !strings.HasPrefix(got.body, "Tallystick") || strings.Count(got.body, "\n  /") != len(links) {
			t.Errorf("%s: got %d %s", accept, got.status, got.body)
		}
	}
}
