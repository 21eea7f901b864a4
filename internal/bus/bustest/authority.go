// Package bustest has what tests with real brokers need.
package bustest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority signs certificates.
type Authority struct {
	Cert *x509.Certificate
	File string // of Cert, in PEM
	tb   testing.TB
	key  *ecdsa.PrivateKey
}

// NewAuthority returns an Authority that nobody knows.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb}
	a.Cert, a.key = a.issue("ca", true)
	a.File = a.pem("CERTIFICATE", a.Cert.Raw)
	return a
}

// issue returns a certificate for loopback, signed by the authority, or by itself.
func (a *Authority) issue(name string, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: ca, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, by := a.Cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.tb.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		a.tb.Fatal(err)
	}
	return c, key
}

// Files returns the files of a new certificate, in PEM.
func (a *Authority) Files(name string) (cert, key string) {
	a.tb.Helper()
	c, k := a.issue(name, false)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.tb.Fatal(err)
	}
	return a.pem("CERTIFICATE", c.Raw), a.pem("PRIVATE KEY", der)
}

func (a *Authority) pem(kind string, der []byte) string {
	a.tb.Helper()
	path := filepath.Join(a.tb.TempDir(), "x.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.tb.Fatal(err)
	}
	return path
}
