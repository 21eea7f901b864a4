package stomp

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"tallystick/internal/bus"
)

// Config is how a broker is found, and what it is told of who we are. Secrets are
// in files.
type Config struct {
	URLs []string `koanf:"urls"` // of one broker, with /VHOST where it has such; none: there is no broker

	User         string `koanf:"user"` // empty: who our certificate says, or nobody
	PasswordFile string `koanf:"password_file"`
	// Password is for configurations of others that have it in themselves: it is in none of
	// ours.
	Password  string `koanf:"-"`
	TokenFile string `koanf:"token_file"` // a password that ends: it is read for each connection

	CAFile   string `koanf:"ca_file"`   // PEM; empty: the system's
	CertFile string `koanf:"cert_file"` // PEM, with KeyFile: our own certificate
	KeyFile  string `koanf:"key_file"`

	// Retry is after how long a message is tried again that could not be taken.
	Retry time.Duration `koanf:"retry"`
}

// DefaultRetry is long enough for a store to find room, and short enough that
// DefaultPrefetch messages a time are not the limit afterwards.
const DefaultRetry = 5 * time.Second

// The schemes of URLs, and their usual ports.
const (
	plain, plainPort   = "stomp", "61613"
	secure, securePort = "stomps", "61614"
)

// Check returns what is wrong with c, each with its key.
func (c Config) Check() (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	hasSecure := len(c.URLs) == 0
	for _, u := range c.URLs {
		err := bus.CheckURL(u, plainPort, plain, secure)
		wrong(err != nil, "urls", "%w", err)
		hasSecure = hasSecure || strings.HasPrefix(u, secure+":")
	}
	wrong(c.PasswordFile != "" && c.TokenFile != "", "", "only one of password_file, token_file can be who we are")
	wrong(c.User == "" && c.PasswordFile != "", "password_file", "a password needs a user")
	wrong(c.User != "" && c.PasswordFile == "" && c.TokenFile == "" && c.Password == "", "user", "needs a password_file or a token_file")
	wrong((c.CertFile == "") != (c.KeyFile == ""), "cert_file", "a certificate needs a key_file, and a key a certificate")
	wrong(!hasSecure && c.CAFile != "", "ca_file", "no URL is stomps://…")
	wrong(!hasSecure && c.CertFile != "", "cert_file", "no URL is stomps://…")
	wrong(c.Retry <= 0, "retry", "%v is not more than 0", c.Retry)
	return problems
}

// who returns what a broker is told of who we are, from the files as they are now.
func (c Config) who() (user, password string, err error) {
	if path := cmp.Or(c.PasswordFile, c.TokenFile); path != "" {
		password, err = bus.ReadSecret(path)
		return cmp.Or(c.User, "tallystick"), password, err
	}
	return c.User, c.Password, nil
}

// CheckFiles reads the files, without which there is no connection, and returns what is wrong with
// them, each with its key. They may come later, and change.
func (c Config) CheckFiles() []bus.Problem {
	return slices.Concat(c.files().Check(), bus.CheckSecret("password_file", c.PasswordFile), bus.CheckSecret("token_file", c.TokenFile))
}

func (c Config) tls() (*tls.Config, error) { return c.files().TLS() }

func (c Config) files() bus.Files { return bus.Files{CA: c.CAFile, Cert: c.CertFile, Key: c.KeyFile} }

// An address is what a URL says.
type address struct {
	hostPort, host, vhost string
	secure                bool
}

func parse(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return address{}, err
	}
	a := address{host: u.Hostname(), vhost: cmp.Or(strings.TrimPrefix(u.Path, "/"), "/"), secure: u.Scheme == secure}
	port := plainPort
	if a.secure {
		port = securePort
	}
	a.hostPort = net.JoinHostPort(a.host, cmp.Or(u.Port(), port))
	return a, nil
}
