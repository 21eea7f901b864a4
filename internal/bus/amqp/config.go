package amqp

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/url"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus"
)

// Config is how a broker is found, and what it is told of who we are. Secrets are
// in files.
type Config struct {
	URLs []string `koanf:"urls"` // of the nodes of one broker, with /VHOST; none: there is no broker

	User         string `koanf:"user"` // empty: with a token tallystick, with a certificate who that says, else guest
	PasswordFile string `koanf:"password_file"`
	// Password is for configurations of others that have it in themselves: it is in none of
	// ours.
	Password  string `koanf:"-"`
	TokenFile string `koanf:"token_file"` // a password that is told anew, while connected, when the file changes

	CAFile   string `koanf:"ca_file"`   // PEM; empty: the system's
	CertFile string `koanf:"cert_file"` // PEM, with KeyFile: our own certificate
	KeyFile  string `koanf:"key_file"`

	// Retry is after how long a message is given back to the broker that could not be
	// taken.
	Retry time.Duration `koanf:"retry"`
}

// DefaultRetry is long enough for a store to find room, and short enough that
// DefaultPrefetch messages a time are not the limit afterwards.
const DefaultRetry = 5 * time.Second

// Check returns what is wrong with c, each with its key.
func (c Config) Check() (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	secure := len(c.URLs) == 0
	for _, u := range c.URLs {
		err := bus.CheckURL(u, "5672", "amqp", "amqps")
		if err == nil {
			_, err = amqp.ParseURI(u)
		}
		wrong(err != nil, "urls", "%w", err)
		secure = secure || isSecure(u)
	}
	wrong(c.PasswordFile != "" && c.TokenFile != "", "", "only one of password_file, token_file can be who we are")
	wrong(c.User == "" && c.PasswordFile != "", "password_file", "a password needs a user")
	wrong(c.User != "" && c.PasswordFile == "" && c.TokenFile == "" && c.Password == "", "user", "needs a password_file or a token_file")
	wrong((c.CertFile == "") != (c.KeyFile == ""), "cert_file", "a certificate needs a key_file, and a key a certificate")
	wrong(!secure && c.CAFile != "", "ca_file", "no URL is amqps://…")
	wrong(!secure && c.CertFile != "", "cert_file", "no URL is amqps://…")
	wrong(c.Retry <= 0, "retry", "%v is not more than 0", c.Retry)
	return problems
}

func isSecure(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "amqps"
}

// secret returns the password, or the token, as it is in its file now; empty if
// there is none.
func (c Config) secret() (string, error) {
	if path := cmp.Or(c.PasswordFile, c.TokenFile); path != "" {
		return bus.ReadSecret(path)
	}
	return c.Password, nil
}

// who returns what a broker is told of who we are.
func (c Config) who(secret string) []amqp.Authentication {
	switch {
	case secret != "":
		return []amqp.Authentication{&amqp.PlainAuth{Username: cmp.Or(c.User, "tallystick"), Password: secret}}
	case c.CertFile != "":
		return []amqp.Authentication{&amqp.ExternalAuth{}}
	}
	return []amqp.Authentication{&amqp.PlainAuth{Username: "guest", Password: "guest"}}
}

// CheckFiles reads the files, without which there is no connection, and returns what is wrong with
// them, each with its key. They may come later, and change.
func (c Config) CheckFiles() []bus.Problem {
	return slices.Concat(c.files().Check(), bus.CheckSecret("password_file", c.PasswordFile), bus.CheckSecret("token_file", c.TokenFile))
}

func (c Config) tls() (*tls.Config, error) { return c.files().TLS() }

func (c Config) files() bus.Files { return bus.Files{CA: c.CAFile, Cert: c.CertFile, Key: c.KeyFile} }
