package peer_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tallystick/internal/auth/peer"
)

func TestClient(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/full", http.StatusFound)
		case "/full":
			io.WriteString(w, strings.Repeat("x", peer.MaxAnswer))
		case "/long":
			io.WriteString(w, strings.Repeat("x", peer.MaxAnswer+1))
		}
	}))
	t.Cleanup(s.Close)
	c, err := peer.Client("")
	if err != nil {
		t.Fatal(err)
	}
	f := func(path string, status, bytes int, good bool) {
		t.Helper()
		resp, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if resp.StatusCode != status || bytes >= 0 && len(got) != bytes || good != (err == nil) {
			t.Errorf("%s: got %d, %d bytes, %v, want %d, %d bytes", path, resp.StatusCode, len(got), err, status, bytes)
		}
	}
	f("/away", http.StatusFound, -1, true)
	f("/full", http.StatusOK, peer.MaxAnswer, true)
	f("/long", http.StatusOK, -1, false)
	if _, err := peer.Client("no/such/file"); err == nil {
		t.Error("a CA that is not there: got no error")
	}
}

func TestCheckURL(t *testing.T) {
	f := func(url string, good bool) {
		t.Helper()
		if err := peer.CheckURL(url); good != (err == nil) {
			t.Errorf("%q: got %v, want that it is good: %v", url, err, good)
		}
	}
	f("https://id.example.org", true)
	f("https://id.example.org/realms/wlcg/", true)
	f("http://localhost:8080", true)
	f("http://127.0.0.1:8080", true)
	f("http://[::1]:8080", true)
	f("http://id.example.org", false)
	f("http://127.0.0.1.example.org", false)
	f("https://u:p@id.example.org", false)
	f("https://id.example.org?a=b", false)
	f("https://id.example.org#a", false)
	f("javascript:alert(1)", false)
	f("//id.example.org", false)
	f("https://", false)
	f("", false)
}
