package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
)

// Ensure the forms of InfluxDB give their lines on with what they say of them.
func TestInfluxWrite(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	f := func(path string, want ingest.LineOptions) {
		t.Helper()
		want.Fields = ingest.AllFields
		got := s.post(path, "cpu,host=h a=1,b=2\n")
		if got.status != http.StatusNoContent || got.body != "" || s.intake.options != want {
			t.Errorf("%s: got %d %q with %+v, want 204 with %+v", path, got.status, got.body, s.intake.options, want)
		}
	}
	f("/write", ingest.LineOptions{})
	f("/write?db=c&precision=n&rp=&consistency=", ingest.LineOptions{Cluster: "c", Precision: "ns"})
	f("/write?db=c&precision=u", ingest.LineOptions{Cluster: "c", Precision: "us"})
	f("/write?db=c&precision=h&rp=autogen", ingest.LineOptions{Cluster: "c", Precision: "h"})
	f("/api/v2/write?bucket=c&org=o&precision=ms", ingest.LineOptions{Cluster: "c", Precision: "ms"})
	f("/api/v2/write?bucket=c&orgID=1", ingest.LineOptions{Cluster: "c"})
	if got := s.do(asked{method: http.MethodHead, path: "/ping?wait_for_leader=1s", header: map[string]string{"Authorization": ""}}); got.status != http.StatusNoContent ||
		got.header.Get("X-Influxdb-Version") == "" {
		t.Errorf("HEAD /ping: got %d %v", got.status, got.header)
	}
}

// Ensure errors have the forms of InfluxDB, and say what was taken.
func TestInfluxErrors(t *testing.T) {
	s := newServer(t, httpapi.Config{MaxBody: 1000})
	f := func(path, body string, status int, code, text string, accepted int) {
		t.Helper()
		got := s.post(path, body)
		var is struct {
			Error, Code, Message string
			Accepted             int
		}
		if err := json.Unmarshal([]byte(got.body), &is); err != nil {
			t.Errorf("%s %q: %q: %v", path, body, got.body, err)
		}
		if got.status != status || is.Code != code || !strings.Contains(is.Error+is.Message, text) || is.Accepted != accepted {
			t.Errorf("%s %q: got %d %s, want %d, code %q, %q and %d accepted", path, body, got.status, got.body, status, code, text, accepted)
		}
		if head := got.header.Get("X-Influxdb-Error"); strings.HasPrefix(path, "/write") && !strings.Contains(head, text) {
			t.Errorf("%s %q: X-Influxdb-Error is %q", path, body, head)
		}
		if retry := got.header.Get("Retry-After"); (retry != "") != (status == http.StatusServiceUnavailable) {
			t.Errorf("%s %q: %d with Retry-After %q", path, body, status, retry)
		}
	}
	f("/write", "bad\n", 400, "", "partial write: nothing in it could be taken: 0 taken, 1 refused; first line 1:0: bad: it says so", 0)
	f("/write", "a b=1\nbad\n", 400, "", "partial write: some of it could not be taken: 1 taken, 1 refused; first line 2:", 1)
	f("/api/v2/write", "a b=1\nbad\n", 400, "invalid", "partial write: ", 1)
	f("/write", "a b=1\nfull\n", 503, "", "partial write: ", 1)
	f("/api/v2/write", "full\n", 503, "unavailable", "no room", 0)
	f("/api/v2/write", strings.Repeat("a b=1\n", 200), 413, "request too large", "larger than 1000 bytes", 0)
	f("/write?database=x", "a b=1\n", 400, "", "database: there is no such parameter", 0)
	f("/write?precision=weeks", "a b=1\n", 400, "", "precision", 0)
	f("/api/v2/write?precision=h", "a b=1\n", 400, "invalid", "precision", 0)
}

// Ensure tokens are taken where clients of InfluxDB put them, on these routes
// only, and never out of the URL.
func TestInfluxTokens(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	token, viewer := s.token(auth.Writer), s.token(auth.Viewer)
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	f := func(path, authorization string, status int) {
		t.Helper()
		got := s.do(asked{
			method: http.MethodPost, path: path, body: strings.NewReader("a b=1"),
			header: map[string]string{"Authorization": authorization},
		})
		if got.status != status {
			t.Errorf("%s as %.20q: got %d %s, want %d", path, authorization, got.status, got.body, status)
		}
		if strings.Contains(got.body, token) || strings.Contains(s.log.String(), token) {
			t.Errorf("%s as %.20q: the token is told: %s", path, authorization, got.body)
		}
	}
	for _, path := range []string{"/write", "/api/v2/write"} {
		f(path, "Token "+token, 204)
		f(path, "token  "+token, 204)
		f(path, "Token user:"+token, 204)
		f(path, "Bearer "+token, 204)
		f(path, basic("anybody:"+token), 204)
		f(path, basic(":"+token), 204)
		f(path, basic(token+":"), 401)
		f(path, basic("user:password"), 401)
		f(path, "Basic ?", 401)
		f(path, "Token", 401)
		f(path, "Digest "+token, 401)
		f(path, "", 401)
		f(path, "Token "+viewer, 403)
		f(path+"?u=anybody&p="+token, "", 401)
		f(path+"?p="+token, "Token "+token, 401)
		f(path+"?u=anybody", "Token "+token, 401)
	}
	f("/api/v1/write", "Token "+token, 401)
	f("/api/v1/write", basic("anybody:"+token), 401)
	f("/api/v1/write?p="+token, "", 401)
}

// Ensure that of two tokens none is believed.
func TestInfluxTwoTokens(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL+"/write", strings.NewReader("a b=1"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = []string{"Token " + s.token(auth.Writer), "Bearer x"}
	res, err := s.http.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d", res.StatusCode)
	}
}

// Ensure the statement that clients begin with is answered, and no other.
func TestInfluxQuery(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	f := func(path, body string, status int) {
		t.Helper()
		got := s.do(asked{
			method: http.MethodPost, path: path, body: strings.NewReader(body),
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		})
		if got.status != status || status == http.StatusOK && got.body != `{"results":[{"statement_id":0}]}`+"\n" {
			t.Errorf("%s %q: got %d %s, want %d", path, body, got.status, got.body, status)
		}
	}
	f("/query", "q=CREATE+DATABASE+%22telegraf%22", 200)
	f("/query", "q=create+database+x&db=", 200)
	f("/query?q=CREATE+DATABASE+x&db=&rp=&epoch=&params=null", "", 200)
	f("/query", "q=DROP+DATABASE+x", 400)
	f("/query", "q=CREATE", 400)
	f("/query", "", 400)
	f("/query", "q=%zz", 400)
	f("/query", "q="+strings.Repeat("x", 5000), 413)
}
