package stomp_test

import (
	"strings"
	"testing"

	"tallystick/internal/bus/stomp"
)

// What cannot be read can be found before the broker is there.
func TestCheckFiles(t *testing.T) {
	f := func(cfg stomp.Config, key string) {
		t.Helper()
		got := cfg.CheckFiles()
		if len(got) != 1 || got[0].Key != key || !strings.Contains(got[0].Err.Error(), "gone") {
			t.Errorf("got %v, want one of %s", got, key)
		}
	}
	f(stomp.Config{CAFile: "gone"}, "ca_file")
	f(stomp.Config{TokenFile: "gone"}, "token_file")
}

func TestConfigCheck(t *testing.T) {
	f := func(cfg stomp.Config, want string) {
		t.Helper()
		cfg.Retry = 1
		var got []string
		for _, p := range cfg.Check() {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if g := strings.Join(got, "\n"); g != want {
			t.Errorf("%+v:\ngot  %s\nwant %s", cfg, g, want)
		}
	}
	f(stomp.Config{}, "")
	f(stomp.Config{URLs: []string{"stomp://a", "stomps://b:1/vhost"}, User: "u", TokenFile: "t", CAFile: "c", CertFile: "d", KeyFile: "k"}, "")
	f(stomp.Config{URLs: []string{"a:61613"}}, `urls: "a:61613" is not a URL such as stomp://broker.example.org:61613`)
	f(stomp.Config{User: "u"}, "user: needs a password_file or a token_file")
	f(stomp.Config{PasswordFile: "p"}, "password_file: a password needs a user")
	f(stomp.Config{User: "u", PasswordFile: "p", TokenFile: "t"}, ": only one of password_file, token_file can be who we are")
	f(stomp.Config{KeyFile: "k"}, "cert_file: a certificate needs a key_file, and a key a certificate")
	f(stomp.Config{URLs: []string{"stomp://a"}, CAFile: "c"}, "ca_file: no URL is stomps://…")
}
