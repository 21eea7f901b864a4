package secret_test

import (
	"strings"
	"testing"

	"tallystick/internal/secret"
)

func TestMask(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := secret.Mask(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	f("", "")
	f("nothing to see at a@b.example", "nothing to see at a@b.example")
	f("https://host:8080/path", "https://host:8080/path")
	f("nats://user@host:1", "nats://user@host:1")
	f("nats://user:hunter2@host:1/x", "nats://user:REDACTED@host:1/x")
	f(`parse "amqp://u:pa/s@s@h": invalid port`, `parse "amqp://u:REDACTED@h": invalid port`)
	f("postgres://:pw@h and amqps://a:b@c", "postgres://:REDACTED@h and amqps://a:REDACTED@c")
	f("token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtZSJ9.c2ln is bad", "token REDACTED is bad")
	f("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtZSJ9.", "REDACTED")
	f("Authorization: Bearer abcdef0123456789", "Authorization: Bearer REDACTED")
	f("basic dXNlcjpwYXNz", "basic REDACTED")
	f("it bears no basic idea", "it bears no basic idea")
}

func TestIsKey(t *testing.T) {
	for key, want := range map[string]bool{
		"password": true, "auth.oidc.client_secret": true, "x.token": true, "Authorization": true, "set-cookie": true,
		"password_file": false, "token_ttl": false, "secrets.path": false, "": false, "tokens": false,
	} {
		if got := secret.IsKey(key); got != want {
			t.Errorf("%q: got %v, want %v", key, got, want)
		}
	}
}

// FuzzMask holds that a password that could be read by who takes addresses apart is not there
// any more, and that what is masked stays so.
func FuzzMask(f *testing.F) {
	f.Add("amqp", "user", "pass", "host")
	f.Add("", "", "a@b:c", "h/p")
	f.Fuzz(func(t *testing.T, scheme, user, password, host string) {
		const mark = "hunter2hunter2"
		if strings.ContainsAny(scheme+user+password+host, " \t\r\n\v\f\"'") || strings.ContainsAny(user, "/@:") {
			return
		}
		masked := secret.Mask(scheme + "://" + user + ":" + password + mark + "@" + host)
		if strings.Contains(masked, mark) || secret.Mask(masked) != masked {
			t.Errorf("got %q", masked)
		}
	})
}
