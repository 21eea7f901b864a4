package nats

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"tallystick/internal/bus"
)

// Config is how a broker is found, and what it is told of who we are. Secrets are
// in files.
type Config struct {
	URLs []string `koanf:"urls"` // of the servers of one cluster; none: there is no broker

	User            string `koanf:"user"`
	PasswordFile    string `koanf:"password_file"`
	TokenFile       string `koanf:"token_file"`
	CredentialsFile string `koanf:"credentials_file"` // a user's JWT and seed, as made by nsc
	NKeyFile        string `koanf:"nkey_file"`        // a user's seed

	CAFile   string `koanf:"ca_file"`   // PEM; empty: the system's. It is told to speak TLS
	CertFile string `koanf:"cert_file"` // PEM, with KeyFile: our own certificate
	KeyFile  string `koanf:"key_file"`

	// Retry is after how long a message is given out again that could not be taken.
	Retry time.Duration `koanf:"retry"`
}

// DefaultRetry is long enough for a store to find room, and short enough that
// MaxInFlight messages a time are not the limit afterwards.
const DefaultRetry = 5 * time.Second

// Check returns what is wrong with c, each with its key.
func (c Config) Check() (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	for _, u := range c.URLs {
		err := bus.CheckURL(u, "4222", "nats", "tls", "ws", "wss")
		wrong(err != nil, "urls", "%w", err)
	}
	var ways []string
	for _, way := range [][2]string{
		{"user", c.User}, {"token_file", c.TokenFile}, {"credentials_file", c.CredentialsFile}, {"nkey_file", c.NKeyFile},
	} {
		if way[1] != "" {
			ways = append(ways, way[0])
		}
	}
	wrong(len(ways) > 1, "", "only one of %s can be who we are", strings.Join(ways, ", "))
	wrong((c.User == "") != (c.PasswordFile == ""), "password_file", "a user needs a password, and a password a user")
	wrong((c.CertFile == "") != (c.KeyFile == ""), "cert_file", "a certificate needs a key_file, and a key a certificate")
	wrong(c.Retry <= 0, "retry", "%v is not more than 0", c.Retry)
	return problems
}

// CheckFiles reads the files, without which there is no connection, and returns what is wrong with them,
// each with its key.
func (c Config) CheckFiles() (problems []bus.Problem) {
	problems = bus.Files{CA: c.CAFile, Cert: c.CertFile, Key: c.KeyFile}.Check()
	for _, secret := range [][2]string{
		{"password_file", c.PasswordFile}, {"token_file", c.TokenFile}, {"credentials_file", c.CredentialsFile},
	} {
		problems = append(problems, bus.CheckSecret(secret[0], secret[1])...)
	}
	if _, err := (Config{NKeyFile: c.NKeyFile}).who(); err != nil {
		problems = append(problems, bus.Problem{Key: "nkey_file", Err: err})
	}
	return problems
}

// options returns what the client library is told of c.
func (c Config) options() ([]nats.Option, error) {
	var out []nats.Option
	if c.CAFile != "" {
		out = append(out, nats.RootCAs(c.CAFile), nats.Secure())
	}
	if c.CertFile != "" {
		out = append(out, nats.ClientCert(c.CertFile, c.KeyFile))
	}
	who, err := c.who()
	if who != nil {
		out = append(out, who)
	}
	return out, err
}

// who returns the option that tells the broker who we are, nil for nobody. Files are read for each
// connection, but that of an nkey.
func (c Config) who() (nats.Option, error) {
	switch {
	case c.User != "":
		return nats.UserInfoHandler(func() (user, password string) {
			password, _ = bus.ReadSecret(c.PasswordFile) // the broker refuses an empty one, and that is told
			return c.User, password
		}), nil
	case c.TokenFile != "":
		return nats.TokenHandler(func() string {
			token, _ := bus.ReadSecret(c.TokenFile)
			return token
		}), nil
	case c.CredentialsFile != "":
		return nats.UserCredentials(c.CredentialsFile), nil
	case c.NKeyFile != "":
		option, err := nats.NkeyOptionFromSeed(c.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.NKeyFile, err)
		}
		return option, nil
	}
	return nil, nil
}
