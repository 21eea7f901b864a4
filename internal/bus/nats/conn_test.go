package nats_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/bustest"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
)

// letsIn holds that the broker takes the listener of cfg, and hands it a message
// of the client's.
func letsIn(t *testing.T, cfg nats.Config, client *natsgo.Conn) {
	t.Helper()
	l := listen(t, cfg, nats.Subscription{Subject: "a"}, taken)
	l.ready()
	_ = client.Publish("a", []byte("x"))
	l.hears(1)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// keepsOut holds that the broker does not take the listener, and that this is told.
func keepsOut(t *testing.T, cfg nats.Config) *listener {
	t.Helper()
	l := listen(t, cfg, nats.Subscription{Subject: "a"}, taken)
	until(t, "refusals", func() bool { return l.count("connect_failures_total") >= 2 })
	l.wantCount(0, "connected")
	if !strings.Contains(l.logged(), "no connection") {
		t.Errorf("the log does not tell of it:\n%s", l.logged())
	}
	return l
}

func TestUserAndPassword(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t, func(o *server.Options) { o.Username, o.Password = "me", "secret" })
	cfg := urls(b.URL())
	cfg.User, cfg.PasswordFile = "me", file(t, "password", "secret\n")
	client := b.Client(natsgo.UserInfo("me", "secret"))
	letsIn(t, cfg, client)

	// A wrong one is tried for ever; the file is read again.
	cfg.PasswordFile = file(t, "password", "old")
	l := keepsOut(t, cfg)
	if err := os.WriteFile(cfg.PasswordFile, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.ready()
	_ = client.Publish("a", []byte("x"))
	l.hears(1)
	if strings.Contains(l.logged(), "secret") {
		t.Errorf("the log tells the password:\n%s", l.logged())
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	b := natstest.Start(t, func(o *server.Options) { o.Authorization = "secret" })
	cfg := urls(b.URL())
	cfg.TokenFile = file(t, "token", "secret\n")
	letsIn(t, cfg, b.Client(natsgo.Token("secret")))
	keepsOut(t, urls(b.URL()))
}

func newKey(t *testing.T, of nkeys.PrefixByte) (pair nkeys.KeyPair, public, seed string) { //nolint:ireturn // the library has no other type
	t.Helper()
	pair, err := nkeys.CreatePair(of)
	if err != nil {
		t.Fatal(err)
	}
	public, err = pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return pair, public, string(raw)
}

func TestNKey(t *testing.T) {
	t.Parallel()
	_, public, seed := newKey(t, nkeys.PrefixByteUser)
	_, _, other := newKey(t, nkeys.PrefixByteUser)
	b := natstest.Start(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	cfg := urls(b.URL())
	cfg.NKeyFile = file(t, "seed", seed)
	option, err := natsgo.NkeyOptionFromSeed(cfg.NKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	letsIn(t, cfg, b.Client(option))
	cfg.NKeyFile = file(t, "seed", other)
	keepsOut(t, cfg)
}

// credentials returns a file as nsc makes them, and lets the broker know of it:
// an operator trusts an account, and that trusts a user.
func credentials(t *testing.T) (path string, trust func(*server.Options)) {
	t.Helper()
	operatorKey, operator, _ := newKey(t, nkeys.PrefixByteOperator)
	accountKey, account, _ := newKey(t, nkeys.PrefixByteAccount)
	_, user, seed := newKey(t, nkeys.PrefixByteUser)
	encode := func(c jwt.Claims, by nkeys.KeyPair) string {
		token, err := c.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	operatorClaims := jwt.NewOperatorClaims(operator)
	encode(operatorClaims, operatorKey)
	accountClaims := jwt.NewAccountClaims(account)
	accountToken := encode(accountClaims, operatorKey)
	userToken := encode(jwt.NewUserClaims(user), accountKey)
	creds, err := jwt.FormatUserConfig(userToken, []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "user.creds", string(creds)), func(o *server.Options) {
		o.JetStream = false // it would need a system account
		o.TrustedOperators = []*jwt.OperatorClaims{operatorClaims}
		accounts := &server.MemAccResolver{}
		if err := accounts.Store(account, accountToken); err != nil {
			t.Error(err)
		}
		o.AccountResolver = accounts
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	path, trust := credentials(t)
	b := natstest.Start(t, trust)
	cfg := urls(b.URL())
	cfg.CredentialsFile = path
	letsIn(t, cfg, b.Client(natsgo.UserCredentials(path)))
	cfg.CredentialsFile, _ = credentials(t)
	keepsOut(t, cfg)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := bustest.NewAuthority(t), bustest.NewAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	serverCert, serverKey := ca.Files("broker")
	b := natstest.Start(t, func(o *server.Options) {
		pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
		if err != nil {
			t.Error(err)
		}
		o.TLS, o.TLSVerify, o.TLSTimeout = true, true, 5
		o.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
		}
	})
	cfg := urls(strings.Replace(b.URL(), "nats://", "tls://", 1))
	cfg.CAFile = ca.File
	cfg.CertFile, cfg.KeyFile = ca.Files("client")
	letsIn(t, cfg, b.Client(natsgo.RootCAs(cfg.CAFile), natsgo.ClientCert(cfg.CertFile, cfg.KeyFile)))

	wrong := cfg
	wrong.CAFile = stranger.File // not who we want to talk to
	keepsOut(t, wrong)
	wrong = cfg
	wrong.CertFile, wrong.KeyFile = stranger.Files("client") // not who the broker wants
	keepsOut(t, wrong)
}

// A broker that cannot speak TLS is none where TLS is wanted.
func TestTLSOnly(t *testing.T) {
	t.Parallel()
	ca := bustest.NewAuthority(t)
	b := natstest.Start(t)
	cfg := urls(b.URL())
	cfg.CAFile = ca.File
	keepsOut(t, cfg)
}

// A file that is read once, and is not there or not what it should be, is found at the start.
func TestConnectErrors(t *testing.T) {
	ca := bustest.NewAuthority(t)
	cert, key := ca.Files("client")
	junk := file(t, "junk", "junk")
	f := func(cfg nats.Config, want string) {
		t.Helper()
		cfg.URLs = []string{"nats://127.0.0.1:1"}
		c, err := nats.Connect(cfg, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if err == nil {
			c.Close()
			t.Errorf("%+v: got no error", cfg)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f(nats.Config{NKeyFile: "gone"}, "gone")
	f(nats.Config{NKeyFile: junk}, "junk")
	f(nats.Config{CAFile: "gone"}, "gone")
	f(nats.Config{CAFile: junk}, "junk")
	f(nats.Config{CertFile: cert, KeyFile: "gone"}, "gone")
	f(nats.Config{CertFile: key, KeyFile: cert}, "certificate")
}

// What cannot be read can be found before the broker is there.
func TestCheckFiles(t *testing.T) {
	f := func(cfg nats.Config, key, want string) {
		t.Helper()
		got := cfg.CheckFiles()
		if len(got) != 1 || got[0].Key != key || !strings.Contains(got[0].Err.Error(), want) {
			t.Errorf("got %v, want %s: %s", got, key, want)
		}
	}
	f(nats.Config{User: "u", PasswordFile: "gone"}, "password_file", "gone")
	f(nats.Config{User: "u", PasswordFile: file(t, "empty", "\n")}, "password_file", "empty")
	f(nats.Config{TokenFile: "gone"}, "token_file", "gone")
	f(nats.Config{CredentialsFile: "gone"}, "credentials_file", "gone")
	f(nats.Config{NKeyFile: file(t, "junk", "junk")}, "nkey_file", "junk")
	f(nats.Config{CAFile: "gone"}, "ca_file", "gone")
}

func TestConfigCheck(t *testing.T) {
	f := func(cfg nats.Config, want string) {
		t.Helper()
		if cfg.Retry == 0 {
			cfg.Retry = time.Second
		}
		var got []string
		for _, p := range cfg.Check() {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("%+v:\ngot  %q\nwant %q", cfg, text, want)
		}
	}
	f(nats.Config{}, "")
	f(nats.Config{URLs: []string{"nats://a:4222", "tls://b:4222", "ws://c", "wss://d"}, User: "u", PasswordFile: "f", CAFile: "c"}, "")
	f(nats.Config{URLs: []string{"http://a"}}, `urls: "http://a" is not a URL such as nats://broker.example.org:4222`)
	f(nats.Config{URLs: []string{"a:4222"}}, `urls: "a:4222" is not a URL such as nats://broker.example.org:4222`)
	f(nats.Config{URLs: []string{"nats://u:geheim@a\x00"}}, `urls: one is not a URL such as nats://broker.example.org:4222`)
	f(nats.Config{URLs: []string{"nats://u:geheim@a"}},
		"urls: a password or token in a URL would be shown; use user and password_file, or token_file")
	f(nats.Config{User: "u"}, "password_file: a user needs a password, and a password a user")
	f(nats.Config{PasswordFile: "f"}, "password_file: a user needs a password, and a password a user")
	f(nats.Config{TokenFile: "f", NKeyFile: "f"}, ": only one of token_file, nkey_file can be who we are")
	f(nats.Config{KeyFile: "f"}, "cert_file: a certificate needs a key_file, and a key a certificate")
	f(nats.Config{Retry: -1}, "retry: -1ns is not more than 0")
}
