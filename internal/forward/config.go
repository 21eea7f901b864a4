package forward

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/record"
	"tallystick/internal/transfer"
)

// Config is what an operator may choose.
type Config struct {
	// Hold is how long a transfer waits after it last changed: the names of servers and
	// clients may come later. It is 1 s to 1 h.
	Hold    time.Duration     `koanf:"hold"`
	WLCG    WLCG              `koanf:"wlcg"`
	Outputs map[string]Output `koanf:"outputs"` // by name
}

// WLCG is what is WLCG's, and what its records say of who made them.
type WLCG struct {
	record.Rule     `koanf:",squash"`
	record.Producer `koanf:",squash"`
}

// DefaultHold is longer than a server takes to name itself, if it does so at its start.
const DefaultHold = 30 * time.Second

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config {
	return Config{Hold: DefaultHold, WLCG: WLCG{
		Rule: record.DefaultRule(), Producer: record.Producer{Producer: "cms", Type: "aaa-ng"},
	}}
}

// An Output is where records go, and which. Just one of File, HTTP, NATS and AMQP says where.
type Output struct {
	Of    Kind         `koanf:"of"` // empty: transfers
	Form  record.Form  `koanf:"form"`
	Route record.Route `koanf:"route"` // empty: all

	DropVOs          []string `koanf:"drop_vos"`
	DropPathPrefixes []string `koanf:"drop_path_prefixes"`

	// History has an output that is new begin with the oldest transfer of the ledger;
	// else it begins with what ends from then on.
	History bool `koanf:"history"`

	File FileConfig `koanf:",squash"`
	HTTP HTTPConfig `koanf:",squash"`
	NATS NATSConfig `koanf:",squash"`
	AMQP AMQPConfig `koanf:",squash"`
}

// A Kind is what an output sends.
type Kind string

// The kinds.
const (
	Transfers Kind = "transfers"
	Cache     Kind = transfer.PFC // what caches told of files that they let go of
	Copies    Kind = transfer.TPC // third-party copies
)

// UnmarshalText reads the name of a kind.
func (k *Kind) UnmarshalText(text []byte) error {
	if kinds := []Kind{Transfers, Cache, Copies}; !slices.Contains(kinds, Kind(text)) {
		return fmt.Errorf("%q is none of %v", text, kinds)
	}
	*k = Kind(text)
	return nil
}

// events reports whether k is events of a provider.
func (k Kind) events() bool { return k != "" && k != Transfers }

// FileConfig is a file with a record on each line.
type FileConfig struct {
	Path string `koanf:"file"`
	// MaxBytes is how large it becomes before it is renamed to Path.1, Path.2 and so on,
	// which are left alone then; 0 is without end.
	MaxBytes int64 `koanf:"max_bytes"`
}

// HTTPConfig is what takes POST requests with a record on each line (NDJSON), and answers
// 2xx when it has them.
type HTTPConfig struct {
	URL       string `koanf:"url"`
	TokenFile string `koanf:"token_file"` // a bearer token; read each time
	CAFile    string `koanf:"ca_file"`    // PEM; empty: the system's
}

// CheckFiles reads the files, and returns what is wrong with them, each with its key.
func (c HTTPConfig) CheckFiles() (problems []bus.Problem) {
	if _, err := (bus.Files{CA: c.CAFile}).TLS(); err != nil {
		problems = append(problems, bus.Problem{Key: "ca_file", Err: err})
	}
	return append(problems, bus.CheckSecret("token_file", c.TokenFile)...)
}

// NATSConfig is a subject of the broker of the section nats, of which a stream has the
// messages.
type NATSConfig struct {
	Subject string `koanf:"subject"`
}

// AMQPConfig is an exchange of the broker of the section amqp.
type AMQPConfig struct {
	Exchange   string `koanf:"exchange"`
	RoutingKey string `koanf:"routing_key"`
}

// A Problem is what is wrong with the value of a key.
type Problem struct {
	Key string
	Err error
}

// maxHold bounds the memory of how far the ledger was when.
const maxHold = time.Hour

// Check returns what is wrong with c, each with its key; outputs are checked one by one.
func (c Config) Check() (problems []Problem) {
	if c.Hold < time.Second || c.Hold > maxHold {
		problems = append(problems, Problem{"hold", fmt.Errorf("%v is not from 1s to 1h", c.Hold)})
	}
	return problems
}

// Check returns what is wrong with the output of that name, each with its key.
func (o Output) Check(name string) (problems []Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, Problem{key, fmt.Errorf(format, args...)})
		}
	}
	wrong(!IsName(name), "", "%q is not a name of letters, digits, - and _", name)
	wrong(o.Form == "", "form", "is not there: go, python or wlcg")
	var to []string
	for _, way := range [][2]string{
		{"file", o.File.Path}, {"url", o.HTTP.URL}, {"subject", o.NATS.Subject}, {"exchange", o.AMQP.Exchange},
	} {
		if way[1] != "" {
			to = append(to, way[0])
		}
	}
	wrong(len(to) == 0, "", "goes nowhere: one of file, url, subject and exchange must be there")
	wrong(len(to) > 1, "", "only one of %s can be where it goes", strings.Join(to, ", "))
	wrong(o.File.MaxBytes < 0, "max_bytes", "%d is less than 0", o.File.MaxBytes)
	if o.HTTP.URL != "" {
		err := CheckURL(o.HTTP.URL)
		wrong(err != nil, "url", "%w", err)
	}
	wrong(strings.ContainsAny(o.NATS.Subject, "*> \t\r\n"), "subject", "%q is not a subject to publish to", o.NATS.Subject)
	return problems
}

// IsName reports whether a name is good as that of a file, on every system.
func IsName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return name != "" && len(name) <= 100 && strings.Trim(name, letters) == ""
}

// CheckURL returns what is wrong with the URL of an HTTPConfig.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("is not a URL") // err would show what is in it
	case u.User != nil:
		return errors.New("a password in a URL would be shown; use token_file")
	case u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is not http://… or https://…", text)
	}
	return nil
}
