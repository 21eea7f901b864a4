package proxies_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"tallystick/internal/auth/proxies"
)

// Ensure only trusted proxies are believed, and only the last of what they were told by others.
func TestOf(t *testing.T) {
	trusted, err := proxies.Parse([]string{"192.0.2.7", "10.0.0.0/8", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	f := func(peer, want string, headers ...string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = peer
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		if got := trusted.Of(r).String(); got != want {
			t.Errorf("%s %q: got %s, want %s", peer, headers, got, want)
		}
	}
	const xff, realIP = "X-Forwarded-For", "X-Real-IP"
	f("203.0.113.1:1", "203.0.113.1")
	f("203.0.113.1:1", "203.0.113.1", xff, "198.51.100.1")
	f("203.0.113.1:1", "203.0.113.1", realIP, "198.51.100.1")
	f("192.0.2.7:1", "192.0.2.7")
	f("192.0.2.7:1", "198.51.100.1", xff, "198.51.100.1")
	f("192.0.2.7:1", "198.51.100.1", realIP, "198.51.100.1")
	f("[::ffff:192.0.2.7]:1", "198.51.100.1", xff, "198.51.100.1")
	f("[2001:db8::1%eth0]:1", "198.51.100.1", xff, "198.51.100.1")
	f("192.0.2.7:1", "198.51.100.2", xff, "127.0.0.1, 198.51.100.2") // the first is what the sender says
	f("192.0.2.7:1", "198.51.100.2", xff, "198.51.100.2, 10.1.1.1")  // through two proxies
	f("192.0.2.7:1", "198.51.100.2", xff, "x", xff, "198.51.100.2", xff, "10.1.1.1")
	f("192.0.2.7:1", "198.51.100.2", xff, "198.51.100.2", realIP, "198.51.100.3") // one header counts
	f("192.0.2.7:1", "192.0.2.7", xff, "unknown")
	f("192.0.2.7:1", "10.1.1.1", xff, "unknown, 10.1.1.1")
	f("192.0.2.7:1", "192.0.2.7", xff, "")
	f("@", "invalid IP", xff, "198.51.100.1")
}

func TestParse(t *testing.T) {
	for _, text := range []string{"", "proxy", "10.0.0.0/33", "10.0.0.1:80"} {
		if got, err := proxies.Parse([]string{text}); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

// FuzzOf holds that nothing in a header is believed of who is not trusted.
func FuzzOf(f *testing.F) {
	trusted, err := proxies.Parse([]string{"192.0.2.7"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("198.51.100.1, 192.0.2.7", "::1")
	f.Add(",,", "%")
	f.Fuzz(func(t *testing.T, xff, realIP string) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header["X-Forwarded-For"], r.Header["X-Real-Ip"] = []string{xff}, []string{realIP}
		r.RemoteAddr = "203.0.113.1:1"
		if got := trusted.Of(r).String(); got != "203.0.113.1" {
			t.Errorf("got %s of a stranger", got)
		}
		r.RemoteAddr = "192.0.2.7:1"
		if got := trusted.Of(r); !got.IsValid() || got.Zone() != "" {
			t.Errorf("got %v", got)
		}
	})
}
