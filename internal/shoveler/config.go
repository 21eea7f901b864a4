package shoveler

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/forward"
	"tallystick/internal/logs"
	"tallystick/internal/settings"
	"tallystick/internal/shovel"
	"tallystick/internal/source"
)

// A Config is the configuration of `tallystick shovel`: that of the field's shoveler
// (opensciencegrid/xrootd-monitoring-shoveler 2.3), with its keys, variables and defaults,
// and beside them ours.
type Config struct {
	Debug  bool `koanf:"debug"`
	Verify bool `koanf:"verify"`
	// MQ is amqp or stomp; empty: the one whose url is there.
	MQ             string            `koanf:"mq"`
	AMQP           AMQP              `koanf:"amqp"`
	STOMP          STOMP             `koanf:"stomp"`
	Listen         Listen            `koanf:"listen"`
	Outputs        Copies            `koanf:"outputs"`
	Metrics        Metrics           `koanf:"metrics"`
	Profile        Profile           `koanf:"profile"`
	QueueDirectory string            `koanf:"queue_directory"`
	Map            map[string]string `koanf:"map"` // all, an address or a network: what stands for it

	// What follows is ours.

	ID       string                   `koanf:"id"`
	Envelope string                   `koanf:"envelope"` // of the outputs amqp and stomp: plain or extended
	UDP      source.Config            `koanf:"udp"`      // its listen, if there, instead of listen
	Queue    Queue                    `koanf:"queue"`
	To       map[string]shovel.Output `koanf:"to"` // more outputs, by name
	Grace    time.Duration            `koanf:"grace"`
	Log      logs.Config              `koanf:"log"`
}

// AMQP is an exchange.
type AMQP struct {
	URL           string `koanf:"url"` // with user and password, else the user is shoveler and the password the token
	Exchange      string `koanf:"exchange"`
	TokenLocation string `koanf:"token_location"` // read anew when it changes
	CAFile        string `koanf:"ca_file"`        // ours
}

// STOMP is a topic.
type STOMP struct {
	URL      string `koanf:"url"` // host:port, stomp://… or stomps://…
	User     string `koanf:"user"`
	Password string `koanf:"password"`
	Topic    string `koanf:"topic"`
	Cert     string `koanf:"cert"`
	CertKey  string `koanf:"certkey"`
	CAFile   string `koanf:"ca_file"` // ours
}

// Listen is where datagrams are received.
type Listen struct {
	Port int    `koanf:"port"`
	IP   string `koanf:"ip"` // empty: all
}

// Copies are where messages are also sent by UDP: host:port each.
type Copies struct {
	Destinations []string `koanf:"destinations"`
}

// Metrics is where /metrics, /healthz and /status are.
type Metrics struct {
	Enable bool   `koanf:"enable"`
	Port   int    `koanf:"port"`
	IP     string `koanf:"ip"` // ours; empty: all
}

// Profile is where profiles are, on loopback.
type Profile struct {
	Enable bool `koanf:"enable"`
	Port   int  `koanf:"port"`
}

// Queue is what bounds the queue: see shovel.QueueConfig.
type Queue struct {
	MaxBytes int64         `koanf:"max_bytes"`
	MaxAge   time.Duration `koanf:"max_age"`
	Full     string        `koanf:"full"`
	Sync     time.Duration `koanf:"sync"`
}

// Default returns the configuration of an operator who chooses nothing.
func Default() Config {
	own := shovel.Default()
	return Config{
		Verify:         true,
		AMQP:           AMQP{Exchange: "shoveled-xrd", TokenLocation: "/etc/xrootd-monitoring-shoveler/token"},
		STOMP:          STOMP{Topic: "xrootd.shoveler"},
		Listen:         Listen{Port: 9993},
		Outputs:        Copies{Destinations: []string{}},
		Metrics:        Metrics{Enable: true, Port: 8000},
		Profile:        Profile{Port: 3030},
		QueueDirectory: "/var/spool/xrootd-monitoring-shoveler/queue",
		Envelope:       string(shovel.Plain),
		UDP:            source.Config{Listen: []string{}, Buffer: own.UDP.Buffer, Sockets: own.UDP.Sockets},
		Queue: Queue{
			MaxBytes: own.Queue.MaxBytes, MaxAge: own.Queue.MaxAge, Full: string(own.Queue.Full), Sync: own.Queue.Sync,
		},
		Grace: own.Grace,
		Log:   logs.Config{Level: slog.LevelInfo, Format: logs.Text},
	}
}

// prefix begins the name of every variable of a shovel.
const prefix = "SHOVELER_"

// FileVariable names the shovel's configuration file if the command line does not.
const FileVariable = prefix + "CONFIG"

func form() settings.Form {
	return settings.FormOf[Config](prefix, map[string][]string{prefix + "MAP_ALL": {"map", "all"}})
}

// Load reads, decodes and validates the configuration of a shovel. The error is a
// *settings.InvalidError with all that is wrong.
func Load(s settings.Sources) (Config, error) {
	cfg, err := settings.Load(form(), s, Default(), func(c *Config) []*settings.Problem { return c.check() })
	if invalid, ok := errors.AsType[*settings.InvalidError](err); ok {
		invalid.Problems = slices.DeleteFunc(invalid.Problems, isIdle)
		explain(invalid.Problems)
		return cfg, settings.Invalid(invalid.Problems)
	}
	return cfg, err
}

// isIdle reports whether a problem is a key of the configuration that the field's packages
// install, which nobody reads: most files in use have it.
func isIdle(p *settings.Problem) bool { return p.Key == "amqp.topic" }

// explain says of keys that the field's examples have, and its shoveler does not read, what
// is meant.
func explain(problems []*settings.Problem) {
	instead := map[string]string{
		"input": "listen.port and listen.ip", "amqp_url": "amqp.url", "amqp_exchange": "amqp.exchange",
		"amqp_token_location": "amqp.token_location", "metrics_port": "metrics.port", "listen_port": "listen.port",
		"listen_ip": "listen.ip", "stomp_url": "stomp.url", "stomp_topic": "stomp.topic",
	}
	for _, p := range problems {
		if key := instead[p.Key]; key != "" {
			p.Text = "is read by no shoveler, write " + key
		}
		if p.Key == "metrics" {
			p.Text = "is a section, write metrics.enable"
		}
		if p.Key == "amqp.url" || p.Key == "stomp.url" {
			p.Text = explainURL(p.Text)
		}
	}
}

// explainURL says what is wrong with a URL in the words of these keys: there is one, and who we
// are stands beside it.
func explainURL(text string) string {
	if like, ok := strings.CutPrefix(text, "one is not a URL"); ok {
		return "is not a URL" + like + "; in a password # is written %23, / %2F, % %25, and so on"
	}
	if strings.HasPrefix(text, "a password or token in a URL") {
		return "has a user in it, write stomp.user and stomp.password"
	}
	return text
}

// Keys of Config that are told in problems.
const (
	keyMQ     = "mq"
	mqAMQP    = "amqp"
	mqSTOMP   = "stomp"
	keyListen = "listen.port"
)

func (c Config) check() []*settings.Problem {
	var k settings.Checker
	k.Wrong(c.MQ != "" && c.MQ != mqAMQP && c.MQ != mqSTOMP, keyMQ, "%q is neither amqp nor stomp", c.MQ)
	k.Wrong(c.MQ == mqAMQP && c.AMQP.URL == "", "amqp.url", "is not there")
	k.Wrong(c.MQ == mqSTOMP && c.STOMP.URL == "", "stomp.url", "is not there")
	for key, port := range map[string]int{keyListen: c.Listen.Port, "metrics.port": c.Metrics.Port, "profile.port": c.Profile.Port} {
		k.Wrong(port < 0 || port > 65535, key, "%d is no port", port)
	}
	k.Wrong(!isAddress(c.Listen.IP), "listen.ip", "%q is no address", c.Listen.IP)
	own := c.Config()
	k.Wrong(len(own.Outputs) == 0, "", "there is nowhere to send to: set amqp.url, stomp.url, outputs.destinations or to")
	for _, p := range own.Check() {
		if p.Key == "outputs" {
			continue // said above, in the words of these keys
		}
		k.Wrong(true, c.key(p.Key), "%v", p.Err)
	}
	for name, o := range own.Outputs {
		for _, p := range o.Check(name) {
			k.Wrong(true, c.outputKey(name, p.Key), "%v", p.Err)
		}
	}
	return k
}

// CheckFiles reads the files that the outputs name, and returns an *settings.InvalidError with what is
// wrong with them, or nil. A shovel starts without them, and goes on trying.
func (c Config) CheckFiles() error {
	var k settings.Checker
	outputs := c.Config().Outputs
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		for _, p := range outputs[name].CheckFiles() {
			k.Wrong(true, c.outputKey(name, p.Key), "%v", p.Err)
		}
	}
	return settings.Invalid(k)
}

// key returns what a key of shovel.Config is called here.
func (c Config) key(of string) string {
	switch {
	case of == "queue.dir":
		return "queue_directory"
	case of == "udp.listen" && len(c.UDP.Listen) == 0:
		return keyListen
	}
	return of
}

func (c Config) outputKey(name, key string) string {
	if _, ours := c.To[name]; ours {
		return strings.TrimSuffix("to."+name+"."+key, ".")
	}
	if name != mqAMQP && name != mqSTOMP {
		return "outputs.destinations"
	}
	key = strings.TrimPrefix(key, name+".")
	return cmp.Or(map[string]string{
		"urls": name + ".url", "token_file": name + ".token_location", "cert_file": name + ".cert", "envelope": "envelope",
	}[key], name+"."+key)
}

// Config returns what the shovel is to do.
func (c Config) Config() shovel.Config {
	out := shovel.Config{
		ID: c.ID, UDP: c.UDP, Verify: c.Verify, Map: c.Map, Grace: c.Grace, Outputs: make(map[string]shovel.Output),
		Queue: shovel.QueueConfig{
			Dir: c.QueueDirectory, MaxBytes: c.Queue.MaxBytes, MaxAge: c.Queue.MaxAge, Full: shovel.Policy(c.Queue.Full), Sync: c.Queue.Sync,
		},
	}
	if len(out.UDP.Listen) == 0 {
		out.UDP.Listen = []string{hostPort(c.Listen.IP, c.Listen.Port)}
	}
	if c.Metrics.Enable {
		out.Metrics = hostPort(c.Metrics.IP, c.Metrics.Port)
	}
	if c.Profile.Enable {
		out.Profile = hostPort("127.0.0.1", c.Profile.Port)
	}
	c.addOutputs(out.Outputs)
	return out
}

// addOutputs adds the outputs of the field's keys, and those beside them.
func (c Config) addOutputs(to map[string]shovel.Output) {
	switch {
	case c.MQ == mqSTOMP, c.MQ == "" && c.AMQP.URL == "" && c.STOMP.URL != "":
		to[mqSTOMP] = c.STOMP.output()
	case c.MQ == mqAMQP, c.AMQP.URL != "":
		to[mqAMQP] = c.AMQP.output()
	}
	for name, o := range to {
		o.Envelope = shovel.Envelope(c.Envelope)
		to[name] = o
	}
	for i, d := range strings.Fields(strings.Join(c.Outputs.Destinations, " ")) { // a variable of the field's has blanks
		to["copy-"+strconv.Itoa(i+1)] = shovel.Output{UDP: shovel.UDPOutput{Address: d, Messages: true}}
	}
	for name, o := range c.To {
		o.AMQP.Broker.Retry = cmp.Or(o.AMQP.Broker.Retry, amqp.DefaultRetry)
		o.STOMP.Broker.Retry = cmp.Or(o.STOMP.Broker.Retry, stomp.DefaultRetry)
		o.NATS.Broker.Retry = cmp.Or(o.NATS.Broker.Retry, amqp.DefaultRetry)
		to[name] = o
	}
}

// isAddress reports whether an address to listen at is one, or empty for all.
func isAddress(ip string) bool {
	_, err := netip.ParseAddr(ip)
	return ip == "" || err == nil
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// output returns the exchange. A URL without a user means the user shoveler, whose password is
// the token.
func (a AMQP) output() shovel.Output {
	b := amqp.Config{URLs: []string{a.URL}, CAFile: a.CAFile, Retry: amqp.DefaultRetry}
	var user *url.Userinfo
	b.URLs[0], user = cutUser(a.URL)
	if user == nil {
		b.User, b.TokenFile = "shoveler", a.TokenLocation
	} else {
		b.User = user.Username()
		b.Password, _ = user.Password()
	}
	return shovel.Output{AMQP: shovel.AMQPOutput{Broker: b, AMQPConfig: forward.AMQPConfig{Exchange: a.Exchange}}}
}

// output returns the topic. Our own certificate means TLS, as in the field's.
func (s STOMP) output() shovel.Output {
	scheme := "stomp"
	if s.Cert != "" || s.CAFile != "" {
		scheme = "stomps"
	}
	address := s.URL
	if !strings.Contains(address, "://") {
		address = scheme + "://" + address
	}
	b := stomp.Config{
		URLs: []string{address}, User: s.User, Password: s.Password, CertFile: s.Cert, KeyFile: s.CertKey, CAFile: s.CAFile,
		Retry: stomp.DefaultRetry,
	}
	return shovel.Output{STOMP: shovel.STOMPOutput{Broker: b, Destination: topic(s.Topic)}}
}

// topic returns the destination of a topic, which may be given as one.
func topic(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/topic/" + name
}

// cutUser takes the user out of a URL, nil for none.
func cutUser(text string) (string, *url.Userinfo) {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text, nil
	}
	user := u.User
	u.User = nil
	return u.String(), user
}

// YAML returns the configuration as a file that Load would read it from, without
// passwords.
func (c Config) YAML() ([]byte, error) {
	return form().YAML(c)
}

// Keys returns all keys of a shovel's configuration, in the order in which they are
// told.
func Keys() []settings.Key {
	keys := form().Keys(Default())
	for i := range keys {
		if keys[i].Name == "map" {
			keys[i].Env += ", " + prefix + "MAP_ALL"
		}
	}
	return keys
}
