package amqp_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/bus/bustest"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWho runs what is about who the broker is, and who we are.
func TestWho(t *testing.T) {
	ca := bustest.NewAuthority(t)
	cert, key := ca.Files("broker")
	port := bustest.FreePort(t)
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&signer.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := file(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	plugins := amqptest.Plugins("rabbitmq_auth_mechanism_ssl", "rabbitmq_auth_backend_oauth2")
	b := amqptest.Start(t, plugins, amqptest.Config(fmt.Sprintf(`
listeners.ssl.default = 127.0.0.1:%d
ssl_options.cacertfile = %s
ssl_options.certfile = %s
ssl_options.keyfile = %s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_cert_login_from = common_name
auth_mechanisms.1 = EXTERNAL
auth_mechanisms.2 = PLAIN
auth_backends.1 = rabbit_auth_backend_internal
auth_backends.2 = rabbit_auth_backend_oauth2
auth_oauth2.resource_server_id = rabbitmq
auth_oauth2.default_key = k1
auth_oauth2.signing_keys.k1 = %s`, port, ca.File, cert, key, public)))
	b.Queue(b.Channel(t), "q", "", "")
	t.Run("TLS", func(t *testing.T) { connectsTLS(on{t, b}, ca, port) })
	t.Run("token", func(t *testing.T) { renewsToken(on{t, b}, signer) })
}

// Certificates say who the broker is, and who we are; so does a password, which is
// read anew for each attempt.
func connectsTLS(x on, ca *bustest.Authority, port int) {
	t := x.t
	stranger := bustest.NewAuthority(t)
	cfg := amqp.Config{URLs: []string{fmt.Sprintf("amqps://127.0.0.1:%d", port)}, CAFile: ca.File}
	good := func(cfg amqp.Config) {
		t.Helper()
		l := listen(t, cfg, amqp.Subscription{Queue: "q"}, taken)
		l.put("", "q", "x")
		l.hears(1)
		l.stop()
	}
	bad := func(cfg amqp.Config, want string) {
		t.Helper()
		c := connect(t, cfg)
		until(t, "an error", func() bool { return c.count("connect_failures_total") > 0 && c.logged() != "" })
		c.stop()
		if !strings.Contains(c.logged(), want) {
			t.Errorf("got %s, want %s", c.logged(), want)
		}
	}
	bad(cfg, "") // the broker wants to see one, and says so in several ways
	cfg.CertFile, cfg.KeyFile = ca.Files("guest")
	good(cfg)
	wrong := cfg
	wrong.CAFile = stranger.File
	bad(wrong, "unknown authority")
	wrong = cfg
	wrong.CertFile, wrong.KeyFile = ca.Files("nobody")
	bad(wrong, "username or password not allowed")
	cfg.User, cfg.PasswordFile = "guest", file(t, "password", "wrong")
	bad(cfg, "username or password not allowed")
	c := connect(t, cfg)
	if err := os.WriteFile(cfg.PasswordFile, []byte("guest"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "a connection", func() bool { return c.count("connected") == 1 })
	c.stop()
	cfg.URLs = append([]string{"amqps://127.0.0.1:1"}, cfg.URLs...) // the first is away
	good(cfg)
}

// A token is renewed while connected: with it ends what it allows, and the connection
// does not.
func renewsToken(x on, key *rsa.PrivateKey) {
	t, b := x.t, x.Broker
	sign := func(d time.Duration) string {
		t.Helper()
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"sub": "tallystick", "aud": "rabbitmq", "exp": time.Now().Add(d).Unix(),
			"scope": "rabbitmq.read:*/* rabbitmq.write:*/* rabbitmq.configure:*/*",
		})
		token.Header["kid"] = "k1"
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	path := file(t, "token", sign(4*time.Second)+"\n")
	cfg := urls(b)
	cfg.TokenFile = path
	l := listen(t, cfg, amqp.Subscription{Queue: "q"}, taken)
	end := time.Now().Add(8 * time.Second)
	renewed := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for ; time.Now().Before(end); <-tick.C {
		if err := l.Publish(t.Context(), amqp.Publication{Key: "q", Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		n++
		if time.Since(renewed) > 2*time.Second {
			renewed = time.Now()
			if err := os.WriteFile(path, []byte(sign(4*time.Second)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.hears(n)
	l.wantCount(0, "disconnects_total")
	l.wantCount(0, "errors_total")

	// One that the broker does not like ends the connection, and the next one is good.
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "an end", func() bool { return l.count("disconnects_total") == 1 })
	if err := os.WriteFile(path, []byte(sign(time.Minute)), 0o600); err != nil {
		t.Fatal(err)
	}
	l.put("", "q", "y")
	l.hears(n + 1)
	l.stop()
}

// What cannot be read can be found before the broker is there.
func TestCheckFiles(t *testing.T) {
	f := func(cfg amqp.Config, key, want string) {
		t.Helper()
		got := cfg.CheckFiles()
		if len(got) != 1 || got[0].Key != key || !strings.Contains(got[0].Err.Error(), want) {
			t.Errorf("got %v, want %s: %s", got, key, want)
		}
	}
	junk := file(t, "junk.pem", "junk")
	f(amqp.Config{CAFile: "gone"}, "ca_file", "gone")
	f(amqp.Config{CAFile: junk}, "ca_file", "has no certificate in PEM")
	f(amqp.Config{CertFile: junk, KeyFile: junk}, "cert_file", "junk.pem")
	f(amqp.Config{User: "u", PasswordFile: "gone"}, "password_file", "gone")
	f(amqp.Config{TokenFile: file(t, "token", " \n")}, "token_file", "the first line is empty")
}

// A token that is not there when it is needed is told, and had when it comes.
func TestTokenComesLate(t *testing.T) {
	c, err := amqp.Connect(amqp.Config{URLs: []string{"amqp://127.0.0.1:1"}, TokenFile: "gone", Retry: time.Hour},
		prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	until(t, "the token is missed", func() bool { _, err := c.Trouble(); return errors.Is(err, fs.ErrNotExist) })
	stop()
	<-done
}

func TestConfigCheck(t *testing.T) {
	f := func(cfg amqp.Config, want string) {
		t.Helper()
		if cfg.Retry == 0 {
			cfg.Retry = 1
		}
		var got []string
		for _, p := range cfg.Check() {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if g := strings.Join(got, "\n"); g != want {
			t.Errorf("%+v:\ngot  %s\nwant %s", cfg, g, want)
		}
	}
	f(amqp.Config{}, "")
	f(amqp.Config{URLs: []string{"amqp://a", "amqps://b:5671/vhost"}, User: "u", TokenFile: "t", CAFile: "c", CertFile: "d", KeyFile: "k"}, "")
	f(amqp.Config{URLs: []string{"http://a"}}, `urls: "http://a" is not a URL such as amqp://broker.example.org:5672`)
	f(amqp.Config{URLs: []string{"amqp://u:p@a"}}, "urls: a password or token in a URL would be shown; use user and password_file, or token_file")
	f(amqp.Config{URLs: []string{"amqp://a:x"}}, "urls: one is not a URL such as amqp://broker.example.org:5672")
	f(amqp.Config{PasswordFile: "p", TokenFile: "t", User: "u"}, ": only one of password_file, token_file can be who we are")
	f(amqp.Config{PasswordFile: "p"}, "password_file: a password needs a user")
	f(amqp.Config{User: "u"}, "user: needs a password_file or a token_file")
	f(amqp.Config{CertFile: "c"}, "cert_file: a certificate needs a key_file, and a key a certificate")
	f(amqp.Config{URLs: []string{"amqp://a"}, CAFile: "c"}, "ca_file: no URL is amqps://…")
	f(amqp.Config{Retry: -1}, "retry: -1ns is not more than 0")
}
