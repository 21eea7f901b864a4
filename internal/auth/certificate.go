package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A Certificate is what a machine may do that shows a client certificate by TLS, instead of a
// token. Whether a certificate is good is for http.tls.client_ca to say.
type Certificate struct {
	// Subject is the whole subject of the certificate, as RFC 4514 writes it and
	// `openssl x509 -noout -subject -nameopt RFC2253` prints it; empty: any.
	Subject string `koanf:"subject"`
	// SAN is one of its alternative names, with its kind before a colon: dns:HOST,
	// email:ADDRESS or uri:URI, such as uri:spiffe://site/agent; empty: any.
	SAN string `koanf:"san"`
	// Roles are those of a token.
	Roles []string `koanf:"roles"`
	// Clusters, Sites and Client are Bounds.
	Clusters []string `koanf:"clusters"`
	Sites    []string `koanf:"sites"`
	Client   string   `koanf:"client"`
}

// Check returns what is wrong with c, or nil.
func (c Certificate) Check() error {
	roles, err := ParseRoles(c.Roles)
	kind, name, _ := strings.Cut(c.SAN, ":")
	switch {
	case err != nil:
		return err
	case c.Subject == "" && c.SAN == "":
		return errors.New("neither subject nor san says which certificate it is")
	case c.SAN != "" && (name == "" || !slices.Contains([]string{"dns", "email", "uri"}, kind)):
		return errors.New("san is none of dns:HOST, email:ADDRESS, uri:URI")
	}
	return errors.Join(c.bounds().Check(), c.bounds().Bind(roles))
}

func (c Certificate) bounds() Bounds {
	return Bounds{Clusters: c.Clusters, Sites: c.Sites, Client: c.Client}
}

// is reports whether it is about a certificate with the subject and the names.
func (c Certificate) is(subject string, names []string) bool {
	return (c.Subject == "" || c.Subject == subject) && (c.SAN == "" || slices.Contains(names, foldSAN(c.SAN)))
}

// foldSAN returns a name as it is compared: names of hosts have no case.
func foldSAN(san string) string {
	if host, ok := strings.CutPrefix(san, "dns:"); ok {
		return "dns:" + strings.ToLower(host)
	}
	return san
}

// ErrBadCertificate is wrapped by the error of a request whose certificate is good, but is
// nobody's here.
var ErrBadCertificate = errors.New("bad client certificate")

// certified returns the user of the certificate that the request's connection has shown, or
// ErrNoToken if there is none.
func certified(r *http.Request, known map[string]Certificate) (User, error) {
	if len(known) == 0 || r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return User{}, ErrNoToken
	}
	leaf := r.TLS.VerifiedChains[0][0]
	subject, err := subjectOf(leaf.RawSubject)
	if err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	names := sansOf(leaf)
	var whose []string
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if known[name].is(subject, names) {
			whose = append(whose, name)
		}
	}
	switch len(whose) {
	case 0:
		return User{}, fmt.Errorf("%w: auth.certificates has none with its subject and names", ErrBadCertificate)
	case 1:
		return known[whose[0]].user(whose[0])
	}
	return User{}, fmt.Errorf("%w: it is that of several: %v", ErrBadCertificate, whose)
}

func (c Certificate) user(name string) (User, error) {
	roles, err := ParseRoles(c.Roles)
	return User{Name: name, Roles: roles, Source: "certificate", Bounds: c.bounds()}, err
}

// subjectOf returns a subject in the order in which it stands in the certificate.
func subjectOf(raw []byte) (string, error) {
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &seq); err != nil || len(rest) > 0 {
		return "", errors.New("its subject cannot be read")
	}
	return seq.String(), nil
}

func sansOf(c *x509.Certificate) []string {
	var out []string
	for _, host := range c.DNSNames {
		out = append(out, foldSAN("dns:"+host))
	}
	for _, address := range c.EmailAddresses {
		out = append(out, "email:"+address)
	}
	for _, u := range c.URIs {
		out = append(out, "uri:"+u.String())
	}
	return out
}
