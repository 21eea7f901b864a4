package ccms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"tallystick/internal/metric"
)

// ErrOldConfig is the error of a configuration of before version 1.5.
var ErrOldConfig = errors.New(`it has the form of before version 1.5, with the keys of main, nats and metric-store at the top;
bring it to the form of 1.5 first: main {addr, jwt-public-key, …}, metrics, nats {address, …},
metric-store {retention-in-memory, memory-cap, checkpoints {directory}, nats-subscriptions [{subscribe-to, cluster-tag}]}`)

// A Converted is a configuration of ours, made of one of cc-metric-store.
type Converted struct {
	YAML      []byte   // with a comment for each key
	Attention []string // what somebody must look at, as in the comments
	Unknown   []string // keys that cc-metric-store 1.5 does not have, as in the comments
}

// Convert translates a configuration of cc-metric-store 1.5 (the sections main,
// metrics, nats and metric-store, in JSON). A section X may be in another file,
// which the key X-file names: open reads it. What is written is what config.Load
// takes, whatever the values are: those that cannot be are left out, and told.
//
// The error is ErrOldConfig, that of open, or says where the JSON is wrong.
func Convert(file []byte, open func(name string) ([]byte, error)) (*Converted, error) {
	in, err := object(file)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"http-api", "http-api-address", "checkpoints", "archive", "retention-in-memory", "jwt-public-key"} {
		if _, old := in[key]; old && in["main"] == nil && in["metric-store"] == nil {
			return nil, ErrOldConfig
		}
	}
	c := converter{in: in}
	if err := c.include(open); err != nil {
		return nil, err
	}
	c.all()
	return &Converted{c.out.Bytes(), c.attention, c.unknown}, nil
}

// object reads an object of JSON. Numbers stay as they are written.
func object(file []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(file))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		return nil, (&jsonReader{in: d}).place(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &FormatError{d.InputOffset(), ErrLong}
	}
	return out, nil
}

// include reads the sections that are in other files.
func (c *converter) include(open func(string) ([]byte, error)) error {
	for _, section := range []string{"main", "metrics", "nats", "metric-store"} {
		name := c.text(section + "-file")
		if name == "" {
			continue
		}
		file, err := open(name)
		if err != nil {
			return fmt.Errorf("%s-file: %w", section, err)
		}
		if c.in[section], err = object(file); err != nil {
			return fmt.Errorf("%s-file %s: %w", section, name, err)
		}
	}
	return nil
}

// A converter takes keys out of in, and writes what they become. What is left in
// the end was not known.
type converter struct {
	in        map[string]any
	out       bytes.Buffer
	attention []string
	unknown   []string
}

func (c *converter) all() {
	c.say("", "Made by `tallystick config convert` from a configuration of cc-metric-store. Each comment names the key that it")
	c.say("", "is about; ATTENTION marks what somebody must look at. configs/tallystick.yaml explains every key.")
	c.line("")
	c.say("", "Where checkpoints are kept. Those of cc-metric-store are another format: `tallystick import` reads them.")
	c.line("data_dir: /var/lib/tallystick")
	c.http()
	c.auth()
	c.metrics()
	c.store()
	c.retention()
	c.checkpoints()
	c.nats()
	c.dropped()
	c.leftover()
}

func (c *converter) http() {
	c.section("http")
	addr := c.text("main", "addr")
	if isAddress(addr) {
		c.say("  ", "main.addr")
	} else {
		c.look("  ", "main.addr is %q, which is not host:port", addr)
		addr = "127.0.0.1:8082"
	}
	c.line("  listen: [%s]", quote(addr))
	c.tls(addr)
	c.section("udp")
	c.say("  ", "Of XRootD servers' monitoring, which cc-metric-store does not take: host:port, such as \":9993\".")
	c.line("  listen: []")
}

// tls writes how what goes to addr is encrypted, or that it is not.
func (c *converter) tls(addr string) {
	cert, key := c.text("main", "https-cert-file"), c.text("main", "https-key-file")
	switch {
	case cert != "" && key != "":
		c.line("  tls:")
		c.key("    ", "cert", cert, "main.https-cert-file")
		c.key("    ", "key", key, "main.https-key-file")
		return
	case cert != "" || key != "":
		c.look("  ", "main.https-cert-file, main.https-key-file: one without the other is no TLS")
	}
	if host, _, _ := net.SplitHostPort(addr); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		c.look("  ", "tokens are sent in cleartext, as to cc-metric-store; tls.cert and tls.key would end that")
		c.line("  cleartext: true")
	}
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && port != "" && strings.Trim(port, "0123456789") == "" && len(port) <= 5 && (len(port) < 5 || port <= "65535")
}

func (c *converter) auth() {
	c.section("auth")
	key := c.text("main", "jwt-public-key")
	if raw, err := base64Of(key); key != "" && err == nil && len(raw) == ed25519Size {
		c.key("  ", "public_key", key, "main.jwt-public-key")
	} else {
		if key == "" {
			c.look("  ", "main.jwt-public-key was not there: everybody could do everything. Tokens are needed here")
		} else {
			c.look("  ", "main.jwt-public-key is not base64 of 32 bytes: nobody could do anything")
		}
		c.say("  ", "`tallystick token` makes this file, and tokens with it.")
		c.line("  key_file: /etc/tallystick/key.pem")
	}
	c.say("  ", "cc-backend makes tokens that never end where its jwts.max-age is not set. cc-metric-store took them; true takes them.")
	c.line("  without_expiry: false")
}

func (c *converter) metrics() {
	all, _ := c.take("metrics").(map[string]any)
	if len(all) == 0 {
		c.line("")
		c.look("", "metrics: there is none; unless ingest.learn.step is set, nothing is taken")
		return
	}
	c.section("metrics")
	c.say("  ", "metrics: frequency is step, and aggregation is aggregation. Several samples in one step: the last one counts, as there.")
	builtIn := make(map[string]bool)
	for _, m := range metric.XRootD(1) {
		builtIn[m.Name] = true
	}
	written := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, _ := all[name].(map[string]any)
		step, aggregation := number(m["frequency"]), m["aggregation"]
		c.left("metrics."+name, m, "frequency", "aggregation")
		switch {
		case builtIn[name] || name == "":
			c.look("  ", "metrics.%s: the name is taken, it is left out", name)
			continue
		case step < 1 || step > metric.MaxStep:
			c.look("  ", "metrics.%s: frequency is %v, which is not from 1 to %d whole seconds; it is left out", name, m["frequency"], metric.MaxStep)
			continue
		case aggregation == nil:
			aggregation = "none"
		case aggregation != "sum" && aggregation != "avg":
			c.look("  ", "metrics.%s: aggregation is %v, which cc-metric-store took for null", name, aggregation)
			aggregation = "none"
		}
		c.line("  %s: {step: %s, aggregation: %s}", quote(name), duration(time.Duration(step)*time.Second), aggregation)
		written++
	}
	if written == 0 {
		c.line("  {}")
	}
}

func (c *converter) store() {
	gigabytes := c.take("metric-store", "memory-cap")
	n := number(gigabytes)
	c.section("store")
	switch {
	case n < 1 || n > 1_000_000:
		c.look("  ", "metric-store.memory-cap is %v: there, 0 frees all but a quarter of the retention; here, it is no cap", gigabytes)
		c.line("  max_bytes: 0")
	default:
		c.say("  ", "metric-store.memory-cap, in bytes. It counts samples and their tree, not the garbage of the process.")
		c.line("  max_bytes: %d", n*1_000_000_000)
	}
}

func (c *converter) retention() {
	c.section("retention")
	text := c.text("metric-store", "retention-in-memory")
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		c.key("  ", "memory", duration(d), "metric-store.retention-in-memory. There, samples stayed up to half as long again, and 511 steps")
	} else {
		c.look("  ", "metric-store.retention-in-memory is %q, which is no duration", text)
		c.key("  ", "memory", "48h", "")
	}
	backend := c.text("main", "backend-url")
	if backend == "" {
		return
	}
	u, err := url.Parse(backend)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.look("  ", "main.backend-url is %q, which is not http://… or https://…", backend)
		return
	}
	c.line("  jobs:")
	c.key("    ", "url", strings.TrimSuffix(backend, "/"), "main.backend-url")
	c.look("    ", "main.backend-url: cc-backend wants a token (role api) in this file. cc-metric-store sent none, and freed nothing")
	c.line("    token_file: /etc/tallystick/cc-backend.token")
}

func (c *converter) checkpoints() {
	c.section("checkpoint")
	if every := c.text("metric-store", "checkpoint-interval"); every != "" {
		c.say("  ", "metric-store.checkpoint-interval was %s. A checkpoint is cheaper here, and what is newer than it is lost by a kill -9.", every)
	}
	c.line("  every: 5m")
	if dir := c.text("metric-store", "checkpoints", "directory"); dir != "" {
		c.say("  ", "metric-store.checkpoints.directory: to take over what is there, stop cc-metric-store, and then:")
		c.say("  ", "tallystick import --config THIS-FILE %s", quote(dir))
	}
}

// dropped says why some keys have no place here.
func (c *converter) dropped() {
	c.line("")
	drop := func(why string, keys ...string) {
		if c.take(keys...) != nil {
			c.say("", "%s: dropped, %s", strings.Join(keys, "."), why)
		}
	}
	drop("the service manager says who runs a process (User= of systemd)", "main", "user")
	drop("the service manager says who runs a process (Group= of systemd)", "main", "group")
	drop("GET /api/debug is always there, for operators", "main", "debug")
	drop("it had no effect", "metric-store", "debug")
	drop("all processors are used", "metric-store", "num-workers")
	drop("there is one format", "metric-store", "checkpoints", "file-format")
	drop("there is no such file", "metric-store", "checkpoints", "max-wal-size")
	if c.take("metric-store", "cleanup", "mode") == "archive" {
		c.look("", `metric-store.cleanup.mode is "archive": nothing is archived yet, what is older than retention goes`)
	} else {
		c.say("", "metric-store.cleanup.mode: dropped, what is older than retention is in no checkpoint")
	}
	drop("nothing is archived", "metric-store", "cleanup", "directory")
}

// leftover tells the keys that nobody asked for.
func (c *converter) leftover() {
	c.left("", c.in)
	slices.Sort(c.unknown)
	for _, key := range c.unknown {
		c.say("", "%s: unknown, it is left out", key)
	}
}

// left notes the keys of a section that are not among the known ones.
func (c *converter) left(key string, section map[string]any, known ...string) {
	for name, v := range section {
		if slices.Contains(known, name) {
			continue
		}
		at := strings.TrimPrefix(key+"."+printable(name), ".")
		sub, isSection := v.(map[string]any)
		switch top := slices.Contains([]string{"main", "nats", "metric-store", "metric-store.checkpoints", "metric-store.cleanup"}, at); {
		case top && isSection:
			c.left(at, sub)
		case v != nil:
			c.unknown = append(c.unknown, at)
		}
	}
}
