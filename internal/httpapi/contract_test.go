package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
)

// Ensure contract and routes are the same, with the same roles.
func TestContractHasTheRoutes(t *testing.T) {
	routes, operations := map[string]string{}, map[string]string{}
	for _, r := range newServer(t, httpapi.Config{}).api.Routes() {
		role := string(r.Role)
		if role == "" {
			role = "none"
		}
		routes[r.Method+" "+r.Path] = role
	}
	doc := document(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			role, _ := op.Extensions["x-role"].(string)
			operations[method+" "+path] = role
			if open := op.Security != nil && len(*op.Security) == 0; open != (role == "none") {
				t.Errorf("%s %s: x-role is %q, but security says otherwise", method, path, role)
			}
		}
	}
	if diff := cmp.Diff(operations, routes); diff != "" {
		t.Errorf("routes (+) are not the contract's (-):\n%s", diff)
	}
}

// Ensure nothing but health and the index is answered without a token, with a wrong one, or
// without the role; and with the role, or that of an admin, it is.
func TestEveryRouteNeedsItsRole(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.control.text = "grace: 1s\n"
	open := map[string]bool{"GET /": true, "GET /healthz": true, "GET /readyz": true, "GET /ping": true}
	for _, r := range s.api.Routes() {
		as := func(authorization string) told {
			return s.do(asked{method: r.Method, path: r.Path, header: map[string]string{"Authorization": authorization}})
		}
		if r.Role == "" {
			got := as("")
			if !open[r.Method+" "+r.Path] || got.status/100 != 2 {
				t.Errorf("%s %s: needs no role, and gave %d", r.Method, r.Path, got.status)
			}
			continue
		}
		for _, role := range []auth.Role{r.Role, auth.Admin} {
			got := as("Bearer " + s.token(role))
			if got.status == http.StatusUnauthorized || got.status == http.StatusForbidden {
				t.Errorf("%s %s as %s: got %d %s", r.Method, r.Path, role, got.status, got.body)
			}
		}
		for _, authorization := range []string{"", "Bearer x.y.z", "Basic Zm9vOmJhcg==", "Bearer " + otherKeysToken(t)} {
			got := as(authorization)
			s.wantRefusal(r, got, http.StatusUnauthorized, "unauthorized")
			if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s %s: WWW-Authenticate is %q", r.Method, r.Path, got.header.Get("WWW-Authenticate"))
			}
		}
		var others []auth.Role
		for _, role := range []auth.Role{auth.Viewer, auth.Writer, auth.Validator, auth.Operator} {
			if role != r.Role {
				others = append(others, role)
			}
		}
		s.wantRefusal(r, as("Bearer "+s.token(others...)), http.StatusForbidden, "forbidden")
	}
}

// wantRefusal checks an answer that is an error, in the form of the route's face.
func (s *server) wantRefusal(r httpapi.Route, got told, status int, code string) {
	s.Helper()
	switch r.Path {
	case "/write", "/query", "/api/v2/write":
		if got.status != status || !strings.Contains(got.body, `"error":"`) && !strings.Contains(got.body, `"message":"`) {
			s.Errorf("%s %s: got %d %q, want %d and why", r.Method, r.Path, got.status, got.body, status)
		}
		return
	}
	if strings.HasPrefix(r.Path, "/api/v") || !strings.HasPrefix(r.Path, "/api/") {
		s.wantError(got, status, code, "")
	} else if got.status != status || got.body == "" {
		s.Errorf("%s %s: got %d %q, want %d and why", r.Method, r.Path, got.status, got.body, status)
	}
}

func otherKeysToken(t *testing.T) string {
	t.Helper()
	return newServer(t, httpapi.Config{}).token(auth.Admin)
}

// Ensure the role of a route is enough for it.
func TestRoleIsEnough(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	f := func(method, path string, role auth.Role, body string) {
		t.Helper()
		got := s.do(asked{
			method: method, path: path, body: strings.NewReader(body),
			header: map[string]string{"Authorization": "Bearer " + s.token(role)},
		})
		if got.status/100 != 2 {
			t.Errorf("%s %s as %s: got %d %s", method, path, role, got.status, got.body)
		}
	}
	f(http.MethodGet, "/metrics", auth.Operator, "")
	f(http.MethodGet, "/api/v1/openapi.yaml", auth.Viewer, "")
	f(http.MethodPost, "/api/v1/packets", auth.Writer, `{"data":"AAAA"}`)
	f(http.MethodPost, "/api/v1/claims", auth.Writer, `{"run":"r","id":"1"}`)
	f(http.MethodPost, "/api/v1/write", auth.Writer, "a b=1")
	f(http.MethodPost, "/write", auth.Writer, "a b=1")
	f(http.MethodPost, "/api/v2/write", auth.Writer, "a b=1")
	f(http.MethodPost, "/query", auth.Writer, "q=CREATE+DATABASE+x")
	f(http.MethodGet, "/api/v1/transfers", auth.Validator, "")
	f(http.MethodGet, "/api/v1/claims", auth.Validator, "")
}

// Ensure what there is not is told in the same form.
func TestNoSuchRoute(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.wantError(s.get("/api/v2/query", ""), http.StatusNotFound, "not_found", "")
	s.wantError(s.get("//healthz", ""), http.StatusNotFound, "not_found", "")
	got := s.do(asked{method: http.MethodDelete, path: "/api/v1/claims"})
	s.wantError(got, http.StatusMethodNotAllowed, "method_not_allowed", "")
	if allow := got.header.Get("Allow"); allow != "GET, HEAD, POST" {
		t.Errorf("got Allow %q, want GET, HEAD, POST", allow)
	}
	if got := s.do(asked{method: http.MethodHead, path: "/healthz"}); got.status != http.StatusOK || got.body != "" {
		t.Errorf("HEAD /healthz gave %d %q", got.status, got.body)
	}
}

// Ensure a parameter that an operation does not have, or that is given twice, is
// not passed over, on bulk routes either.
func TestParameters(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	f := func(method, path, field string) {
		t.Helper()
		s.wantError(s.do(asked{method: method, path: path}), http.StatusBadRequest, "bad_request", field)
	}
	f(http.MethodGet, "/api/v1/transfers?sevrer=a", "sevrer")
	f(http.MethodGet, "/api/v1/transfers?run=a", "run") // a transfer has none
	f(http.MethodGet, "/api/v1/claims?site=a", "site")  // a claim has none
	f(http.MethodGet, "/api/v1/transfers?server=a&server=b", "server")
	f(http.MethodGet, "/api/v1/transfers?limit=0", "limit")
	f(http.MethodGet, "/api/v1/transfers?limit=10001", "limit")
	f(http.MethodGet, "/api/v1/transfers?limit=many", "limit")
	f(http.MethodGet, "/api/v1/transfers?from=-1", "from")
	f(http.MethodGet, "/api/v1/transfers?from=1e3", "from")
	f(http.MethodGet, "/api/v1/transfers?from=99999999999999999999", "from")
	f(http.MethodGet, "/api/v1/transfers?from=20&to=20", "to")
	f(http.MethodGet, "/api/v1/transfers?after=x", "after")
	f(http.MethodGet, "/api/v1/validation?to=soon", "to")
	f(http.MethodPost, "/api/v1/write?precision=h", "precision")
	f(http.MethodPost, "/api/v1/packets?db=x", "db")
}
