package certs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus/bustest"
	"tallystick/internal/certs"
)

// A folder has the files of a server.
type folder struct {
	*testing.T
	cfg certs.Config
	reg *prometheus.Registry
	log bytes.Buffer
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	dir := t.TempDir()
	return &folder{T: t, reg: prometheus.NewRegistry(), cfg: certs.Config{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
	}}
}

// put writes copies of files to where the configuration says.
func (f *folder) put(from, to string) {
	f.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		f.Fatal(err)
	}
}

// issue puts a new certificate for the server into the folder.
func (f *folder) issue(ca *bustest.Authority, name string) {
	f.Helper()
	cert, key := ca.Files(name)
	f.put(cert, f.cfg.Cert)
	f.put(key, f.cfg.Key)
}

func (f *folder) open() *certs.Certs {
	f.Helper()
	c, err := certs.Open(f.cfg, f.reg, slog.New(slog.NewTextHandler(&f.log, nil)))
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// metric returns the value of a metric.
func (f *folder) metric(name string) float64 {
	f.Helper()
	families, err := f.reg.Gather()
	if err != nil {
		f.Fatal(err)
	}
	for _, family := range families {
		if m := family.GetMetric()[0]; family.GetName() == name {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	f.Fatalf("there is no %s", name)
	return 0
}

// trust returns the configuration of a client that believes ca.
func trust(ca *bustest.Authority) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", NextProtos: []string{"h2"}}
}

// shake shakes hands, and returns what client and server know of each other.
func shake(t *testing.T, c *certs.Certs, client *tls.Config) (server, peer tls.ConnectionState, err error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan error, 1)
	go func() {
		raw, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, c.TLS())
		if err = conn.Handshake(); err == nil {
			_, err = io.WriteString(conn, "x") // brings the session ticket too
		}
		peer = conn.ConnectionState()
		done <- err
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), client)
	if err == nil {
		defer conn.Close()
		_, err = io.ReadFull(conn, make([]byte, 1))
		server = conn.ConnectionState()
	}
	return server, peer, errors.Join(err, <-done)
}

// Ensure what is presented is what is in the files, from the next handshake on.
func TestReload(t *testing.T) {
	f := newFolder(t)
	ca := bustest.NewAuthority(t)
	f.issue(ca, "first")
	c := f.open()
	name := func(want string) {
		t.Helper()
		server, _, err := shake(t, c, trust(ca))
		if err != nil {
			t.Fatal(err)
		}
		if got := server.PeerCertificates[0].Subject.CommonName; got != want || server.NegotiatedProtocol != "h2" {
			t.Errorf("got %q and %q, want %q and h2", got, server.NegotiatedProtocol, want)
		}
	}
	name("first")
	c.Reload()
	f.issue(ca, "second")
	name("first")
	c.Reload()
	name("second")

	// One of two files, nothing at all, garbage: the one before stays.
	cert, key := ca.Files("third")
	broken := func() {
		t.Helper()
		f.log.Reset()
		c.Reload()
		c.Reload()
		if got := strings.Count(f.log.String(), "cannot be used"); got != 1 {
			t.Errorf("it is told %d times, want once:\n%s", got, &f.log)
		}
		name("second")
	}
	f.put(cert, f.cfg.Cert)
	broken()
	os.WriteFile(f.cfg.Cert, []byte("garbage"), 0o600)
	broken()
	os.Remove(f.cfg.Cert)
	broken()
	f.put(cert, f.cfg.Cert)
	f.put(key, f.cfg.Key)
	c.Reload()
	name("third")
	if got := f.metric("tallystick_tls_reloads_total"); got != 2 {
		t.Errorf("got %v reloads, want 2", got)
	}
	if got := f.metric("tallystick_tls_reload_failures_total"); got != 6 {
		t.Errorf("got %v failures, want 6", got)
	}
	if in := time.Until(c.Expiry()); in < 50*time.Minute || in > time.Hour {
		t.Errorf("it ends in %v, want in less than an hour", in)
	}
	if got, want := f.metric("tallystick_tls_certificate_expiry_timestamp_seconds"), float64(c.Expiry().Unix()); got != want {
		t.Errorf("got the expiry %v, want %v", got, want)
	}
}

// Ensure clients need no certificate, one that is shown must be of the CA, and the CA of
// the file is the one that counts, also for who was here before.
func TestClients(t *testing.T) {
	f := newFolder(t)
	ca, other := bustest.NewAuthority(t), bustest.NewAuthority(t)
	f.issue(ca, "server")
	f.cfg.ClientCA = filepath.Join(t.TempDir(), "ca.pem")
	f.put(ca.File, f.cfg.ClientCA)
	c := f.open()
	signer := ca
	with := func(ca *bustest.Authority) *tls.Config {
		pair, err := tls.LoadX509KeyPair(ca.Files("agent"))
		if err != nil {
			t.Fatal(err)
		}
		client := trust(signer)
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		return client
	}
	mine, theirs := with(ca), with(other)
	f.peer(c, trust(ca), "")
	f.peer(c, mine, "agent")
	f.peer(c, mine, "agent")
	f.refused(c, theirs)

	f.put(other.File, f.cfg.ClientCA)
	c.Reload()
	f.refused(c, mine)
	f.peer(c, theirs, "agent")
	os.WriteFile(f.cfg.ClientCA, []byte("nothing"), 0o600)
	c.Reload()
	f.peer(c, theirs, "agent")
}

// Ensure nothing older than TLS 1.2 is spoken.
func TestVersions(t *testing.T) {
	f := newFolder(t)
	ca := bustest.NewAuthority(t)
	f.issue(ca, "server")
	c := f.open()
	client := trust(ca)
	client.MinVersion, client.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	f.refused(c, client)
	client.MaxVersion = tls.VersionTLS12
	f.peer(c, client, "")
}

func (f *folder) peer(c *certs.Certs, client *tls.Config, want string) {
	f.Helper()
	_, peer, err := shake(f.T, c, client)
	got := ""
	if len(peer.VerifiedChains) > 0 {
		got = peer.PeerCertificates[0].Subject.CommonName
	}
	if err != nil || got != want {
		f.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func (f *folder) refused(c *certs.Certs, client *tls.Config) {
	f.Helper()
	if _, _, err := shake(f.T, c, client); err == nil {
		f.Error("the handshake is good, want an error")
	}
}

// Ensure files that cannot be used are no server.
func TestOpen(t *testing.T) {
	ca := bustest.NewAuthority(t)
	good := newFolder(t)
	good.issue(ca, "server")
	_, otherKey := ca.Files("other")
	f := func(cfg certs.Config, want string) {
		t.Helper()
		_, err := certs.Open(cfg, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q in it", cfg, err, want)
		}
	}
	f(certs.Config{Cert: "/no/such", Key: good.cfg.Key}, "/no/such")
	f(certs.Config{Cert: good.cfg.Cert, Key: otherKey}, "private key does not match")
	f(certs.Config{Cert: good.cfg.Cert, Key: good.cfg.Key, ClientCA: good.cfg.Key}, "no certificate")
}

func TestCheck(t *testing.T) {
	f := func(c certs.Config, on bool, want string) {
		t.Helper()
		got := ""
		if err := c.Check(); err != nil {
			got = err.Error()
		}
		if got != want || c.On() != on {
			t.Errorf("%+v: got %q and %v, want %q and %v", c, got, c.On(), want, on)
		}
	}
	f(certs.Config{}, false, "")
	f(certs.Config{Cert: "c", Key: "k", ClientCA: "a"}, true, "")
	f(certs.Config{Cert: "c"}, true, "cert and key go together")
	f(certs.Config{Key: "k"}, false, "cert and key go together")
	f(certs.Config{ClientCA: "a"}, false, "client_ca needs cert and key")
}

// Ensure changes are found by themselves.
func TestRun(t *testing.T) {
	f := newFolder(t)
	ca := bustest.NewAuthority(t)
	f.issue(ca, "first")
	synctest.Test(t, func(t *testing.T) {
		c := f.open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		f.issue(ca, "second")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := f.metric("tallystick_tls_reloads_total"); got != 1 {
			t.Errorf("got %v reloads, want 1", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}
