package auth_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
)

// An authority signs certificates.
type authority struct {
	testing.TB

	key  ed25519.PrivateKey
	cert *x509.Certificate
}

func newAuthority(tb testing.TB, seed byte) *authority {
	tb.Helper()
	a := &authority{TB: tb, key: seeded(seed)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(template, a.key, template)
	return a
}

func (a *authority) sign(template *x509.Certificate, key ed25519.PrivateKey, by *x509.Certificate) *x509.Certificate {
	a.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, by, ed25519.PublicKey(public(key)), a.key)
	if err != nil {
		a.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		a.Fatal(err)
	}
	return cert
}

// issue returns a certificate of a machine or server, whose key is that of the seed.
func (a *authority) issue(seed byte, subject pkix.RDNSequence, change func(*x509.Certificate)) *x509.Certificate {
	a.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, set := range subject {
		template.Subject.ExtraNames = append(template.Subject.ExtraNames, set...)
	}
	change(template)
	return a.sign(template, seeded(seed), a.cert)
}

// dn returns a subject, of CN, O and OU, in this order.
func dn(pairs ...string) (out pkix.RDNSequence) {
	oids := map[string][]int{"CN": {2, 5, 4, 3}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, pkix.RelativeDistinguishedNameSET{{Type: oids[pairs[i]], Value: pairs[i+1]}})
	}
	return out
}

func shows(cert *x509.Certificate) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	if cert != nil {
		r.TLS.VerifiedChains = [][]*x509.Certificate{{cert}}
	}
	return r
}

// Ensure a certificate is its machine's, by its whole subject or an alternative name, and that
// what is nobody's, or may be that of two, is refused.
func TestCertificates(t *testing.T) {
	ca := newAuthority(t, 'c')
	names := func(c *x509.Certificate) {
		c.DNSNames = []string{"Agent7.Site.example", "*.site.example"}
		c.EmailAddresses = []string{"ops@site.example"}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "site", Path: "/agent7"}}
	}
	none := func(*x509.Certificate) {}
	cert := ca.issue('m', dn("O", "Site", "CN", "agent7"), names)
	writer := []string{"writer"}
	f := func(what string, cert *x509.Certificate, known map[string]auth.Certificate, want string) {
		t.Helper()
		cfg := config(seeded('a'))
		cfg.Certificates = known
		u, err := verifier(t, cfg, fixedNow).Authenticate(shows(cert))
		if (err == nil) != (want != "") || u.Name != want {
			t.Errorf("%s: got user %q and error %v, want %q", what, u.Name, err, want)
		}
		if err != nil && !errors.Is(err, auth.ErrBadCertificate) {
			t.Errorf("%s: error %v is not %v", what, err, auth.ErrBadCertificate)
		}
	}
	one := func(c auth.Certificate) map[string]auth.Certificate {
		c.Roles = writer
		return map[string]auth.Certificate{"seven": c}
	}
	f("subject", cert, one(auth.Certificate{Subject: "CN=agent7,O=Site"}), "seven")
	f("subject in another order", cert, one(auth.Certificate{Subject: "O=Site,CN=agent7"}), "")
	f("a part of the subject", cert, one(auth.Certificate{Subject: "CN=agent7"}), "")
	f("a subject that pretends", ca.issue('m', dn("CN", "agent7,O=Site"), none), one(auth.Certificate{Subject: "CN=agent7,O=Site"}), "")
	f("name of the host", cert, one(auth.Certificate{SAN: "dns:agent7.site.example"}), "seven")
	f("name of the host in capitals", cert, one(auth.Certificate{SAN: "dns:AGENT7.site.example"}), "seven")
	f("another host, which the wildcard of the certificate covers", cert, one(auth.Certificate{SAN: "dns:agent8.site.example"}), "")
	f("mail", cert, one(auth.Certificate{SAN: "email:ops@site.example"}), "seven")
	f("mail in capitals", cert, one(auth.Certificate{SAN: "email:OPS@site.example"}), "")
	f("URI", cert, one(auth.Certificate{SAN: "uri:spiffe://site/agent7"}), "seven")
	f("a name of another kind", cert, one(auth.Certificate{SAN: "uri:agent7.site.example"}), "")
	f("both", cert, one(auth.Certificate{Subject: "CN=agent7,O=Site", SAN: "dns:agent7.site.example"}), "seven")
	f("one of both", cert, one(auth.Certificate{Subject: "CN=agent8,O=Site", SAN: "dns:agent7.site.example"}), "")
	f("the name of a host as common name", ca.issue('m', dn("CN", "agent7.site.example"), none), one(auth.Certificate{SAN: "dns:agent7.site.example"}), "")
	f("one of two", cert, map[string]auth.Certificate{
		"seven": {SAN: "dns:agent7.site.example", Roles: writer}, "eight": {SAN: "dns:agent8.site.example", Roles: writer},
	}, "seven")
	f("that of two", cert, map[string]auth.Certificate{
		"seven": {SAN: "dns:agent7.site.example", Roles: writer}, "all": {Subject: "CN=agent7,O=Site", Roles: writer},
	}, "")
	f("no subject", ca.issue('m', nil, names), one(auth.Certificate{SAN: "uri:spiffe://site/agent7"}), "seven")
}

// Ensure a token counts before a certificate, also a bad one, and that without either there is
// nobody; a certificate that was not verified is none.
func TestCertificateOrToken(t *testing.T) {
	cfg := config(seeded('a'))
	cfg.Certificates = map[string]auth.Certificate{
		"seven": {Subject: "CN=agent7", Roles: []string{"api"}, Clusters: []string{"a"}, Sites: []string{"b"}, Client: "c"},
	}
	v := verifier(t, cfg, fixedNow)
	cert := newAuthority(t, 'c').issue('m', dn("CN", "agent7"), func(*x509.Certificate) {})
	u, err := v.Authenticate(shows(cert))
	want := auth.User{
		Name: "seven", Roles: []auth.Role{auth.Viewer, auth.Writer}, Source: "certificate",
		Bounds: auth.Bounds{Clusters: []string{"a"}, Sites: []string{"b"}, Client: "c"},
	}
	if diff := cmp.Diff(want, u); diff != "" || err != nil {
		t.Errorf("got error %v, user (-want +got):\n%s", err, diff)
	}
	r := shows(cert)
	r.Header.Set("X-Auth-Token", signed(seeded('a'), plainHeader, payload()))
	if u, err := v.Authenticate(r); err != nil || u.Name != "agent7" {
		t.Errorf("with a token: got %q and error %v, want that of the token", u.Name, err)
	}
	r.Header.Set("X-Auth-Token", "bad")
	if u, err := v.Authenticate(r); !errors.Is(err, auth.ErrBadToken) {
		t.Errorf("with a bad token: got %q and error %v, want %v", u.Name, err, auth.ErrBadToken)
	}
	r = shows(cert)
	r.TLS.VerifiedChains = nil
	if u, err := v.Authenticate(r); !errors.Is(err, auth.ErrNoToken) {
		t.Errorf("not verified: got %q and error %v, want %v", u.Name, err, auth.ErrNoToken)
	}
	if _, err := v.Authenticate(shows(nil)); !errors.Is(err, auth.ErrNoToken) {
		t.Errorf("no certificate: got error %v, want %v", err, auth.ErrNoToken)
	}
}

func TestCertificateCheck(t *testing.T) {
	f := func(want string, c auth.Certificate) {
		t.Helper()
		err := c.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got error %v, want %q", c, err, want)
		}
	}
	viewer := []string{"viewer"}
	f("", auth.Certificate{Subject: "CN=x", Roles: viewer})
	f("", auth.Certificate{SAN: "uri:spiffe://x/y:z", Roles: []string{"viewer", "writer"}, Client: "x"})
	f("", auth.Certificate{Subject: "CN=x", Roles: []string{"admin"}, Client: "x"})
	f("nothing of [viewer]", auth.Certificate{Subject: "CN=x", Roles: viewer, Client: "x"})
	f("no roles", auth.Certificate{Subject: "CN=x"})
	f(`"root"`, auth.Certificate{Subject: "CN=x", Roles: []string{"root"}})
	f("which certificate", auth.Certificate{Roles: viewer})
	f("none of dns:", auth.Certificate{SAN: "x.example", Roles: viewer})
	f("none of dns:", auth.Certificate{SAN: "dns:", Roles: viewer})
	f("none of dns:", auth.Certificate{SAN: "ip:192.0.2.1", Roles: viewer})
	f("bound", auth.Certificate{Subject: "CN=x", Roles: viewer, Clusters: []string{""}})
}

// Ensure it is so over TLS: a certificate of the authority is its machine's, and one of another
// does not come through.
func TestCertificateOverTLS(t *testing.T) {
	ca, other := newAuthority(t, 'c'), newAuthority(t, 'd')
	cfg := config(seeded('a'))
	cfg.Certificates = map[string]auth.Certificate{"seven": {Subject: "CN=agent7", Roles: []string{"writer"}}}
	v := verifier(t, cfg, fixedNow)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, err := v.Authenticate(r); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		} else {
			w.Header().Set("User", u.Name)
		}
	}))
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	chain := func(seed byte, cert *x509.Certificate) []tls.Certificate {
		return []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: seeded(seed)}}
	}
	server := ca.issue('s', dn("CN", "server"), func(c *x509.Certificate) { c.DNSNames = []string{"server.example"} })
	s.TLS = &tls.Config{
		Certificates: chain('s', server), ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS12,
	}
	s.StartTLS()
	defer s.Close()
	ask := func(certs []tls.Certificate) (status int, user string, err error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: pool, ServerName: "server.example", MinVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(certs) == 0 {
					return new(tls.Certificate), nil
				}
				return &certs[0], nil
			},
		}}}
		defer client.CloseIdleConnections()
		res, err := client.Get(s.URL)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("User"), nil
	}
	agent := func(by *authority, name string) []tls.Certificate {
		return chain('m', by.issue('m', dn("CN", name), func(*x509.Certificate) {}))
	}
	if status, user, err := ask(agent(ca, "agent7")); status != http.StatusOK || user != "seven" {
		t.Errorf("its certificate: got %d %q and error %v, want 200 and its name", status, user, err)
	}
	if status, _, err := ask(agent(ca, "agent8")); status != http.StatusUnauthorized {
		t.Errorf("nobody's certificate: got %d and error %v, want 401", status, err)
	}
	if status, _, err := ask(nil); status != http.StatusUnauthorized {
		t.Errorf("no certificate: got %d and error %v, want 401", status, err)
	}
	if status, _, err := ask(agent(other, "agent7")); err == nil {
		t.Errorf("another authority's certificate: got %d and no error", status)
	}
}

// FuzzSubject holds that no subject of a certificate is taken for that of another, and that
// none panics.
func FuzzSubject(f *testing.F) {
	ca := newAuthority(f, 'c')
	mine := ca.issue('m', dn("O", "Site", "CN", "agent7"), func(*x509.Certificate) {})
	cfg := config(seeded('a'))
	cfg.Certificates = map[string]auth.Certificate{"seven": {Subject: "CN=agent7,O=Site", Roles: []string{"writer"}}}
	v := verifier(f, cfg, fixedNow)
	f.Add(mine.RawSubject)
	f.Add(ca.cert.RawSubject)
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		cert := *mine
		cert.RawSubject = raw
		u, err := v.Authenticate(shows(&cert))
		if err == nil && (u.Name != "seven" || !strings.Contains(string(raw), "agent7")) {
			t.Errorf("%x is taken for %+v", raw, u)
		}
	})
}
