package bus_test

import (
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/bus"
)

func TestID(t *testing.T) {
	f := func(text string, want bus.ID, ok bool) {
		t.Helper()
		got, isOne := bus.ParseID(text)
		if got != want || isOne != ok {
			t.Errorf("%q: got %+v, %v, want %+v, %v", text, got, isOne, want, ok)
		}
		if ok && got.String() != text {
			t.Errorf("%q: it is %q again", text, got)
		}
	}
	f("shovel-1/7", bus.ID{Source: "shovel-1", Number: 7}, true)
	f("a/b/18446744073709551615", bus.ID{Source: "a/b", Number: 1<<64 - 1}, true)
	for _, text := range []string{"", "/", "/1", "a/", "a/+1", "a/-1", "a/1 ", "a/18446744073709551616", "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb"} {
		f(text, bus.ID{}, false)
	}
	long := make([]byte, bus.MaxSource+1)
	for i := range long {
		long[i] = 'x'
	}
	f(string(long)+"/1", bus.ID{}, false)
}

// What is in a URL may be a secret, and is told to nobody then.
func TestCheckURL(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := ""
		if err := bus.CheckURL(text, "5672", "amqp", "amqps"); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	f("amqp://a", "")
	f("amqps://a.example.org:5671/vhost", "")
	f("amqp://u:secret@a", "a password or token in a URL would be shown; use user and password_file, or token_file")
	f("amqp://%:secret", "one is not a URL such as amqp://broker.example.org:5672")
	for _, text := range []string{"http://a", "a:5672", "amqp://:5672", "amqp:///a", "amqp://a?x=1", "amqp://a#x"} {
		f(text, `"`+text+`" is not a URL such as amqp://broker.example.org:5672`)
	}
}

func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	f := func(content, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := bus.ReadSecret(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", content, got, err, want)
		}
	}
	f("secret\r\nmore", "secret")
	f("secret", "secret")
	f("\n", "")
	if _, err := bus.ReadSecret(path + "x"); err == nil {
		t.Error("no error without a file")
	}
}
