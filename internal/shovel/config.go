package shovel

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/forward"
	"tallystick/internal/source"
)

// Config is what an operator may choose.
type Config struct {
	// ID is what this shovel is called in extended messages; empty: the host's name.
	ID  string        `koanf:"id"`
	UDP source.Config `koanf:"udp"`
	// Verify drops what cannot be a datagram of XRootD's monitoring.
	Verify bool `koanf:"verify"`
	// Map says what stands for a server's address in messages: by address, by network
	// (192.0.2.0/24) or for "all". The longest network that has the address counts. The
	// port stays.
	Map     map[string]string `koanf:"map"`
	Queue   QueueConfig       `koanf:"queue"`
	Outputs map[string]Output `koanf:"outputs"` // by name
	// Metrics is the host:port of /metrics, /healthz and /status; empty: there is none.
	Metrics string        `koanf:"metrics"`
	Profile string        `koanf:"profile"` // host:port of /debug/pprof/; empty: there is none
	Grace   time.Duration `koanf:"grace"`   // for stopping
}

// QueueConfig is the queue's place and bounds.
type QueueConfig struct {
	Dir      string        `koanf:"dir"`
	MaxBytes int64         `koanf:"max_bytes"`
	MaxAge   time.Duration `koanf:"max_age"` // 0: without end
	Full     Policy        `koanf:"full"`
	// Sync is how often the disk is told to write; 0: with each pack.
	Sync time.Duration `koanf:"sync"`
}

// A Policy is what a full queue drops.
type Policy string

// The policies.
const (
	DropOldest Policy = "drop-oldest" // what has waited longest makes room
	DropNewest Policy = "drop-newest" // what comes is dropped until there is room
)

// An Envelope is the form of a message.
type Envelope string

// The envelopes.
const (
	Plain    Envelope = "plain"    // the field's: remote, version, data
	Extended Envelope = "extended" // and arrival_ns, shoveler, seq
)

// An Output is where datagrams go. Just one of AMQP, NATS, STOMP, HTTP and UDP says where.
type Output struct {
	Envelope Envelope           `koanf:"envelope"` // empty: plain
	AMQP     AMQPOutput         `koanf:"amqp"`
	NATS     NATSOutput         `koanf:"nats"`
	STOMP    STOMPOutput        `koanf:"stomp"`
	HTTP     forward.HTTPConfig `koanf:"http"`
	UDP      UDPOutput          `koanf:"udp"`
}

// AMQPOutput is an exchange of a broker.
type AMQPOutput struct {
	Broker             amqp.Config `koanf:",squash"`
	forward.AMQPConfig `koanf:",squash"`
}

// NATSOutput is a subject of a broker, of which a stream of it has the messages.
type NATSOutput struct {
	Broker             nats.Config `koanf:",squash"`
	forward.NATSConfig `koanf:",squash"`
}

// STOMPOutput is a destination of a broker: /topic/NAME, /queue/NAME and the like.
type STOMPOutput struct {
	Broker      stomp.Config `koanf:",squash"`
	Destination string       `koanf:"destination"`
}

// UDPOutput is a copy that nobody confirms.
type UDPOutput struct {
	Address string `koanf:"address"` // host:port
	// Messages sends the JSON message, as the field's outputs.destinations does; else the
	// datagram itself.
	Messages bool `koanf:"messages"`
}

// Defaults of Config.
const (
	DefaultListen   = ":9993"
	DefaultMetrics  = "127.0.0.1:8000"
	DefaultMaxBytes = 8 << 30 // a week of 20 datagrams of 600 bytes a second
	DefaultSync     = time.Second
	DefaultGrace    = 20 * time.Second
	defaultBuffer   = 32 << 20
)

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config {
	return Config{
		UDP:    source.Config{Listen: []string{DefaultListen}, Buffer: defaultBuffer, Sockets: 1},
		Verify: true,
		Queue: QueueConfig{
			Dir: "/var/spool/tallystick-shovel", MaxBytes: DefaultMaxBytes, Full: DropOldest, Sync: DefaultSync,
		},
		Metrics: DefaultMetrics,
		Grace:   DefaultGrace,
	}
}

// minBytes is room for some packs of the longest datagrams.
const minBytes = 64 << 20

// Check returns what is wrong with c, each with its key.
func (c Config) Check() (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	wrong(len(c.ID) > maxID || strings.ContainsAny(c.ID, "/\n"), "id", "%q is longer than %d bytes, or has a / in it", c.ID, maxID)
	wrong(len(c.UDP.Listen) == 0, "udp.listen", "there is no address to receive at")
	for _, a := range c.UDP.Listen {
		_, _, err := net.SplitHostPort(a)
		wrong(err != nil, "udp.listen", "%q is not host:port", a)
	}
	wrong(c.UDP.Sockets < 1 || c.UDP.Sockets > source.MaxSockets, "udp.sockets", "%d is not from 1 to %d", c.UDP.Sockets, source.MaxSockets)
	wrong(c.UDP.Buffer < 0, "udp.buffer", "%d is less than 0", c.UDP.Buffer)
	wrong(c.Grace <= 0, "grace", "%v is not more than 0", c.Grace)
	wrong(len(c.Outputs) == 0, "outputs", "there is nowhere to send to")
	_, err := newMapping(c.Map)
	wrong(err != nil, "map", "%w", err)
	for _, p := range c.Queue.check() {
		problems = append(problems, bus.Problem{Key: "queue." + p.Key, Err: p.Err})
	}
	return problems
}

func (q QueueConfig) check() (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	wrong(q.Dir == "", "dir", "there is no folder for it")
	wrong(q.MaxBytes < minBytes, "max_bytes", "%d is less than %d", q.MaxBytes, minBytes)
	wrong(q.MaxAge != 0 && q.MaxAge < time.Second, "max_age", "%v is less than 1s", q.MaxAge)
	wrong(q.Full != DropOldest && q.Full != DropNewest, "full", "%q is neither %s nor %s", q.Full, DropOldest, DropNewest)
	wrong(q.Sync < 0, "sync", "%v is less than 0", q.Sync)
	return problems
}

// Check returns what is wrong with the output of that name, each with its key.
func (o Output) Check(name string) (problems []bus.Problem) {
	add := func(key string, err error) {
		if err != nil {
			problems = append(problems, bus.Problem{Key: key, Err: err})
		}
	}
	if !forward.IsName(name) {
		add("", fmt.Errorf("%q is not a name of letters, digits, - and _", name))
	}
	if e := cmp.Or(o.Envelope, Plain); e != Plain && e != Extended {
		add("envelope", fmt.Errorf("%q is neither %s nor %s", e, Plain, Extended))
	}
	if n := len(o.ways()); n != 1 {
		add("", fmt.Errorf("has %d of amqp.urls, nats.urls, stomp.urls, http.url and udp.address; it needs one", n))
	}
	for _, p := range o.broker() {
		add(p.Key, p.Err)
	}
	if o.HTTP.URL != "" {
		add("http.url", forward.CheckURL(o.HTTP.URL))
	}
	if o.UDP.Address != "" {
		_, _, err := net.SplitHostPort(o.UDP.Address)
		add("udp.address", err)
	}
	return problems
}

// CheckFiles reads the files that o names, and returns what is wrong with them, each with its key.
func (o Output) CheckFiles() []bus.Problem {
	var problems []bus.Problem
	if len(o.AMQP.Broker.URLs) > 0 {
		problems = append(problems, under("amqp", o.AMQP.Broker.CheckFiles())...)
	}
	if len(o.NATS.Broker.URLs) > 0 {
		problems = append(problems, under("nats", o.NATS.Broker.CheckFiles())...)
	}
	if len(o.STOMP.Broker.URLs) > 0 {
		problems = append(problems, under("stomp", o.STOMP.Broker.CheckFiles())...)
	}
	return append(problems, under("http", o.HTTP.CheckFiles())...)
}

// under returns problems as those of keys in a section.
func under(section string, problems []bus.Problem) []bus.Problem {
	out := make([]bus.Problem, len(problems))
	for i, p := range problems {
		out[i] = bus.Problem{Key: strings.TrimSuffix(section+"."+p.Key, "."), Err: p.Err}
	}
	return out
}

// ways are the kinds of places that o names.
func (o Output) ways() (out []string) {
	for _, way := range []struct {
		name  string
		there bool
	}{
		{"amqp", len(o.AMQP.Broker.URLs) > 0},
		{"nats", len(o.NATS.Broker.URLs) > 0},
		{"stomp", len(o.STOMP.Broker.URLs) > 0},
		{"http", o.HTTP.URL != ""},
		{"udp", o.UDP.Address != ""},
	} {
		if way.there {
			out = append(out, way.name)
		}
	}
	return out
}

// broker returns what is wrong with the broker and the name in it.
func (o Output) broker() (problems []bus.Problem) {
	add := func(section string, ps []bus.Problem) { problems = append(problems, under(section, ps)...) }
	missing := func(key string) []bus.Problem { return []bus.Problem{{Key: key, Err: errors.New("is not there")}} }
	if len(o.AMQP.Broker.URLs) > 0 {
		add("amqp", o.AMQP.Broker.Check())
		if o.AMQP.Exchange == "" && o.AMQP.RoutingKey == "" {
			add("amqp", missing("exchange"))
		}
	}
	if len(o.NATS.Broker.URLs) > 0 {
		add("nats", o.NATS.Broker.Check())
		if o.NATS.Subject == "" || strings.ContainsAny(o.NATS.Subject, "*> \t\r\n") {
			add("nats", []bus.Problem{{Key: "subject", Err: fmt.Errorf("%q is not a subject to publish to", o.NATS.Subject)}})
		}
	}
	if len(o.STOMP.Broker.URLs) > 0 {
		add("stomp", o.STOMP.Broker.Check())
		if o.STOMP.Destination == "" {
			add("stomp", missing("destination"))
		}
	}
	return problems
}
