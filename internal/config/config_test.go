package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/config"
	"tallystick/internal/metric"
	"tallystick/internal/settings"
)

const configs = "../../configs"

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, s settings.Sources) config.Config {
	t.Helper()
	cfg, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestExamples holds that each file in configs is read without an error.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(configs, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v, want some files", files, err)
	}
	for _, path := range files {
		if filepath.Base(path) == "shovel.yaml" {
			continue // TestShovelExample
		}
		load(t, settings.Sources{File: path})
	}
}

// TestExampleHasAllDefaults holds that configs/tallystick.yaml says every key,
// each with its default.
func TestExampleHasAllDefaults(t *testing.T) {
	path := filepath.Join(configs, "tallystick.yaml")
	want := load(t, settings.Sources{})
	if diff := cmp.Diff(want, load(t, settings.Sources{File: path})); diff != "" {
		t.Errorf("configuration (-default +file):\n%s", diff)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys() {
		// With the key's line spoiled the file cannot be read any more.
		before, after, indent := "", "\n"+string(raw), "\n"
		for name := range strings.SplitSeq(k.Name, ".") {
			head, tail, ok := strings.Cut(after, indent+name+":")
			if !ok {
				t.Errorf("%s has no %s of %s", path, name, k.Name)
				break
			}
			before, after = before+head+indent+name+":", tail
			indent += "  "
		}
		spoiled := strings.TrimSuffix(before, ":") + "spoiled:" + after
		if _, err := config.Load(settings.Sources{File: write(t, "c.yaml", spoiled)}); err == nil {
			t.Errorf("%s: no error when it is spoiled: it stands elsewhere", k.Name)
		}
	}
}

func TestDevelopmentOnlyWithoutFile(t *testing.T) {
	f := func(want bool, s settings.Sources) {
		t.Helper()
		if got := load(t, s).Development; got != want {
			t.Errorf("%+v: got development %v, want %v", s, got, want)
		}
	}
	key := []string{"auth.key_file=k.pem"}
	file := write(t, "c.yaml", "grace: 10s")
	f(true, settings.Sources{})
	f(true, settings.Sources{Settings: key})
	f(false, settings.Sources{File: file, Settings: key})
	f(false, settings.Sources{Environ: []string{"TALLYSTICK_CONFIG=" + file}, Settings: key})
	f(true, settings.Sources{File: write(t, "c.yaml", "development: true")})
	f(true, settings.Sources{File: file, Environ: []string{"TALLYSTICK_DEVELOPMENT=true"}})
	f(false, settings.Sources{Environ: []string{"TALLYSTICK_DEVELOPMENT=false"}, Settings: key})
}

func TestPrecedence(t *testing.T) {
	file := write(t, "c.yaml", `
development: true
http: {listen: "127.0.0.1:1", max_body: 1}
grace: 1s
metrics:
  a: {step: 1s, unit: file}
  b: {step: 2s}
`)
	environ := []string{
		"PATH=/bin", "TALLYSTICK_SERVICE_HOST=192.0.2.1", "TALLYSTICK_PORT=tcp://192.0.2.1:8080", // of Kubernetes
		"TALLYSTICK_HTTP_LISTEN=127.0.0.1:2", "TALLYSTICK_HTTP_MAX_BODY=2",
		"TALLYSTICK_UDP_LISTEN=127.0.0.1:3, 127.0.0.1:4", "TALLYSTICK_LOG_LEVEL=", // empty: not there
		`TALLYSTICK_METRICS={a: {unit: env}, c: {step: 3s}}`,
	}
	set := []string{
		"http.max_body=3", "http.max_body=4", "metrics.a.step=4s", "metrics.d.e.step=5s",
		"collect.servers.192.0.2.7:1094.site=S", "auth.issuer=123",
	}
	cfg := load(t, settings.Sources{File: file, Environ: environ, Settings: set})

	want := load(t, settings.Sources{})
	want.HTTP.Listen, want.HTTP.API.MaxBody = []string{"127.0.0.1:2"}, 4
	want.UDP.Listen = []string{"127.0.0.1:3", "127.0.0.1:4"}
	want.Grace = time.Second
	want.Auth.Issuer = "123"
	want.Metrics = map[string]config.Metric{
		"a": {Step: 4 * time.Second, Unit: "env"}, "b": {Step: 2 * time.Second},
		"c": {Step: 3 * time.Second}, "d.e": {Step: 5 * time.Second},
	}
	want.Collect.Servers = map[string]collect.Name{"192.0.2.7:1094": {Site: "S"}}
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

// TestNullIsDefault holds that a key without a value changes nothing, whether it
// is of a section or a value.
func TestNullIsDefault(t *testing.T) {
	file := write(t, "c.yaml", "development: true\nhttp:\nudp:\n  listen:\nmetrics:\ngrace: ~\n")
	if diff := cmp.Diff(load(t, settings.Sources{}), load(t, settings.Sources{File: file})); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestResolved(t *testing.T) {
	f := func(get func(config.Config) string, want string, set ...string) {
		t.Helper()
		if got := get(load(t, settings.Sources{Settings: set})); got != want {
			t.Errorf("%v: got %q, want %q", set, got, want)
		}
	}
	dir := func(c config.Config) string { return c.Checkpoint.Dir }
	key := func(c config.Config) string { return c.Auth.KeyFile }
	f(dir, "checkpoints")
	f(dir, "d", "data_dir=d")
	f(dir, "c", "data_dir=d", "checkpoint.dir=c")
	f(key, "d/key.pem", "data_dir=d")
	f(key, "k", "data_dir=d", "auth.key_file=k")
	f(key, "", "auth.public_key="+publicKey)
}

// publicKey is that of the first test vector of RFC 8032.
const publicKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

// TestProblems has what can be wrong, with what is said about it: all of it, in
// this order.
func TestProblems(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		path := write(t, "c.yaml", text)
		_, err := config.Load(settings.Sources{File: path})
		var invalid *settings.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%q: got error %v, want an InvalidError", text, err)
			return
		}
		var got []string
		for _, p := range invalid.Problems {
			got = append(got, strings.ReplaceAll(p.String(), path, "c.yaml"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	dev := "development: true\n"
	noKey := "auth: no key: set auth.key_file (tallystick token makes it) or auth.public_key, or development: true"

	f("", noKey)
	f("auth:\n  issuer: me\n", "c.yaml:1: "+noKey)

	// Of a file that cannot be read only that is told.
	f("a: [", "c.yaml: yaml: line 1: did not find expected node content")
	f("- a\n", "c.yaml:1: is not a mapping of keys to values")
	f(dev+"---\n"+dev, "c.yaml: has more than one document")
	f(dev+"log: &a\n  level: info\nhttp: *a\n", "c.yaml: line 4: an alias (*a) is not possible here")

	f(dev+"grace: 1s\ngrace: 2s\n", "c.yaml:3: grace: is there twice")

	// Unknown keys.
	f(dev+"http:\n  lisen: x\n", "c.yaml:3: http.lisen: unknown key, did you mean http.listen?")
	f(dev+"http:\n  addr: x\n", "c.yaml:3: http.addr: unknown key, here may be listen, tls, cleartext, trusted_proxies, connections, max_body, stall, limits, callers")
	f(dev+"htp:\n  listen: x\n", "c.yaml:2: htp: unknown key, did you mean http?")
	f(dev+"Grace: 1s\n", "c.yaml:2: Grace: unknown key, did you mean grace?")
	f(dev+"metrics:\n  a:\n    stp: 1s\n    step: 1s\n", "c.yaml:4: metrics.a.stp: unknown key, did you mean metrics.a.step?")
	f(dev+"ingest:\n  retention: 1s\n",
		"c.yaml:3: ingest.retention: unknown key, here may be future, cluster, waiting, fields, learn, key_cache") // not the operator's

	// Types.
	f(dev+"http: 5\n", "c.yaml:2: http: is not a mapping of keys to values")
	f(dev+"grace: 30\n", "c.yaml:2: grace: 30 is no duration, it needs a unit as in 30s")
	f(dev+"grace: soon\n", `c.yaml:2: grace: "soon" is no duration such as 30s, 10m, 12h or 90d`)
	f(dev+"log: {level: loud, format: xml}\n",
		`c.yaml:2: log.level: "loud" is none of debug, info, warn, error`,
		`c.yaml:2: log.format: "xml" is none of [text json]`)
	f(dev+"log: {level: 4}\n", "c.yaml:2: log.level: 4 is not a word")
	f(dev+"dns: {enabled: true, max: 0}\n", "c.yaml:2: dns.max: 0 is not more than 0")
	f(dev+"reconcile: {low: 0, high: .5, min: -1}\n",
		`c.yaml:2: reconcile.low: 0 is not above 0 and at most 1`,
		`c.yaml:2: reconcile.high: 0.5 is less than 1`,
		`c.yaml:2: reconcile.min: -1 is less than 0`)
	f(dev+"ledger: {max: 1.5}\n", "c.yaml:2: ledger.max: 1.5 is not a whole number")
	f(dev+"ledger: {max: 'five'}\n", `c.yaml:2: ledger.max: "five" is not a whole number`)
	f(dev+"dns: {enabled: 'yes', max: '0'}\n", `c.yaml:2: dns.enabled: "yes" is neither true nor false`, "c.yaml:2: dns.max: 0 is not more than 0")
	f(dev+"reconcile: {low: '0,5'}\n", `c.yaml:2: reconcile.low: "0,5" is not a number`)
	f(dev+"data_dir: 5\n", "c.yaml:2: data_dir: expected type 'string', got unconvertible type 'int'")
	f(dev+"udp:\n  listen: ['127.0.0.1:1', 5]\n",
		"c.yaml:3: udp.listen.1: expected type 'string', got unconvertible type 'int'")
	f(dev+"metrics:\n  a: {step: 1s, fold: median}\n",
		`c.yaml:3: metrics.a.fold: fold "median" is none of [last sum min max]`)
	f(dev+"collect:\n  servers:\n    192.0.2.7:1094: {site: 5}\n",
		"c.yaml:4: collect.servers.192.0.2.7:1094.site: expected type 'string', got unconvertible type 'int'")

	// Meaning.
	f(dev+"http: {listen: ':8080'}\n", `c.yaml:2: http.listen: ":8080" is not loopback, which is all that development mode `+
		`serves; set development: false and auth.key_file`)
	f(dev+"http: {listen: localhost}\n", `c.yaml:2: http.listen: "localhost" is not host:port`)
	f(dev+"http: {listen: 'localhost:http'}\n", `c.yaml:2: http.listen: "localhost:http" has no port from 0 to 65535`)
	f(dev+"http: {listen: [], tls: {cert: c.pem, client_ca: a.pem}}\n",
		"c.yaml:2: http.listen: is empty", "c.yaml:2: http.tls: cert and key go together")
	f(dev+"http: {listen: 'unix:/s, unix:, unix:/s'}\n",
		`c.yaml:2: http.listen: "unix:" has no path`, `c.yaml:2: http.listen: unix:/s is there twice`)
	f("auth: {key_file: k}\nhttp: {listen: [localhost:1, 'unix:/s', '10.0.0.1:1']}\n",
		`c.yaml:2: http.listen: "10.0.0.1:1" is not loopback, and tokens would be sent in cleartext; `+
			`set http.tls, or http.cleartext: true if nobody else sees the network`)
	f(dev+"udp: {listen: ['[::1]:1', '[::1]:1']}\n", "c.yaml:2: udp.listen: [::1]:1 is there twice")
	f(dev+"auth: {public_key: abc}\n", "c.yaml:2: auth.public_key: public key is not base64")
	f(dev+"xrootd: {step: 1500ms}\n", "c.yaml:2: xrootd.step: 1.5s is not one second or several whole ones")
	f(dev+"metrics:\n  xrd_opens: {step: 1m}\n", "c.yaml:3: metrics.xrd_opens: is built in")
	f(dev+"metrics:\n  a: {}\n", "c.yaml:3: metrics.a.step: 0s is not one second or several whole ones")
	f(dev+"collect:\n  servers:\n    cache1: {site: S}\n",
		"c.yaml:4: collect.servers.cache1: is neither an IP address nor IP:port")
	f(dev+"grace: 0s\nretention:\n  memory: 0s\n  ledger: -1d\n  every: 1ms\n",
		"c.yaml:2: grace: 0s is less than 1s",
		"c.yaml:4: retention.memory: 0s is not more than 0",
		"c.yaml:5: retention.ledger: -24h0m0s is not more than 0",
		"c.yaml:6: retention.every: 1ms is less than 1s")
	f(dev+"collect: {hold: 1h, idle: 1h}\ncheckpoint: {log_bytes: 0, every: 0s}\n",
		"c.yaml:3: checkpoint.log_bytes: 0 is not more than 0",
		"c.yaml:2: collect.idle: 1h0m0s is not longer than collect.hold (1h0m0s)",
		"c.yaml:3: checkpoint.every: 0s is less than 1s")

	// All at once, whatever the kind.
	f("grac: 1s\nhttp:\n  max_body: many\n  listen: ':x'\n",
		"c.yaml:1: grac: unknown key, did you mean grace?",
		"c.yaml:3: http.max_body: \"many\" is not a whole number",
		`c.yaml:4: http.listen: ":x" has no port from 0 to 65535`,
		noKey)
}

func TestProblemsOutsideOfFiles(t *testing.T) {
	f := func(s settings.Sources, want string) {
		t.Helper()
		_, err := config.Load(s)
		if got := fmt.Sprint(err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	env := func(pairs ...string) settings.Sources { return settings.Sources{Environ: pairs} }
	set := func(set ...string) settings.Sources { return settings.Sources{Settings: set} }

	f(env("TALLYSTICK_HTP_LISTEN=x"), "TALLYSTICK_HTP_LISTEN: unknown variable, did you mean TALLYSTICK_HTTP_LISTEN?")
	f(env("TALLYSTICK_WHATEVER_ELSE_IT_IS=x"), "TALLYSTICK_WHATEVER_ELSE_IT_IS: unknown variable")
	f(env("TALLYSTICK_GRACE=30"), `TALLYSTICK_GRACE: grace: "30" is no duration such as 30s, 10m, 12h or 90d`)
	f(env("TALLYSTICK_LEDGER_MAX=many"),
		"TALLYSTICK_LEDGER_MAX: ledger.max: \"many\" is not a whole number")
	f(env("TALLYSTICK_METRICS={a: {stp: 1s}}"),
		"TALLYSTICK_METRICS: metrics.a.stp: unknown key, did you mean metrics.a.step?\n"+
			"TALLYSTICK_METRICS: metrics.a.step: 0s is not one second or several whole ones")
	f(env("TALLYSTICK_METRICS=5"), "TALLYSTICK_METRICS: metrics: is not a mapping of keys to values")
	f(env("TALLYSTICK_METRICS={"), "TALLYSTICK_METRICS: metrics: yaml: line 1: did not find expected node content")
	f(set("grace"), `"grace": a setting is key=value`)
	f(set("grce=1s"), `"grce=1s": unknown key, did you mean grace?`)
	f(set("http=1"), `"http=1": is a section, with listen, tls, cleartext, trusted_proxies, connections, max_body, stall, limits, callers`)
	f(set("whatever_else=1"), `"whatever_else=1": unknown key, here may be development, data_dir, grace, log, http, udp, nats, amqp, stomp, files, `+
		"auth, xrootd, metrics, ingest, collect, reconcile, dns, store, ledger, query, validate, retention, checkpoint, wal, archive, records")
	f(set("metrics=1"), `"metrics=1": metrics: is not a mapping of keys to values`)
	f(set("http.listen.x=1"), `"http.listen.x=1": unknown key, did you mean http.listen?`)
	f(set("metrics.a.stp=1s"), `"metrics.a.stp=1s": unknown key, did you mean metrics.a.step?`)
	f(set("grace=0s"), `"grace=0s": grace: 0s is less than 1s`)
	f(settings.Sources{File: "/no/such.yaml"}, "open /no/such.yaml: no such file or directory")
	f(settings.Sources{File: "/no/such.yaml", Settings: []string{"grce=1s"}},
		"open /no/such.yaml: no such file or directory\n"+`"grce=1s": unknown key, did you mean grace?`)
}

func TestJSON(t *testing.T) {
	file := write(t, "c.json", "{\n\t\"development\": true,\n\t\"udp\": {\"listen\": [\"127.0.0.1:1\"]},\n"+
		"\t\"store\": {\"max_bytes\": 1e9},\n\t\"auth\": {\"issuer\": \"https://a\\u00e9\"}\n}\n")
	cfg := load(t, settings.Sources{File: file})
	if got, want := cfg.UDP.Listen[0], "127.0.0.1:1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := cfg.Store.MaxBytes, int64(1e9); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if got, want := cfg.Auth.Issuer, "https://aé"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestYAML holds that a configuration that is written is read as the same.
func TestYAML(t *testing.T) {
	for _, name := range []string{"tallystick.yaml", "site.yaml"} {
		want := load(t, settings.Sources{File: filepath.Join(configs, name)})
		text, err := want.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, load(t, settings.Sources{File: write(t, "c.yaml", string(text))})); diff != "" {
			t.Errorf("%s, written and read (-want +got):\n%s", name, diff)
		}
	}
}

// TestKeys holds that variables are unique, and that a default can be given as it
// is told, by variable and by setting.
func TestKeys(t *testing.T) {
	vars := make(map[string]string)
	want := load(t, settings.Sources{})
	for _, k := range config.Keys() {
		if other := vars[k.Env]; other != "" || k.Env == config.FileVariable {
			t.Errorf("%s and %s have one variable", k.Name, other)
		}
		vars[k.Env] = k.Name
		if k.Default == "" || k.Name == "development" {
			continue
		}
		for _, s := range []settings.Sources{
			{Environ: []string{k.Env + "=" + k.Default}},
			{Settings: []string{k.Name + "=" + k.Default}},
		} {
			if diff := cmp.Diff(want, load(t, s)); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", s, diff)
			}
		}
	}
	if len(vars) < 30 {
		t.Errorf("got %d keys, want all", len(vars))
	}
}

func TestDurations(t *testing.T) {
	f := func(text string, want time.Duration, written string) {
		t.Helper()
		cfg := load(t, settings.Sources{Settings: []string{"grace=" + text}})
		if cfg.Grace != want {
			t.Errorf("%s: got %v, want %v", text, cfg.Grace, want)
		}
		out, err := cfg.YAML()
		if line := "\ngrace: " + written + "\n"; err != nil || !strings.Contains(string(out), line) {
			t.Errorf("%s: got %v and no %q in\n%s", text, err, line, out)
		}
	}
	f("1s", time.Second, "1s")
	f("90s", 90*time.Second, "1m30s")
	f("10m", 10*time.Minute, "10m")
	f("1h0m1s", time.Hour+time.Second, "1h0m1s")
	f("24h", 24*time.Hour, "1d")
	f("90d", 90*24*time.Hour, "90d")
	f("1500ms", 1500*time.Millisecond, "1.5s")
	f("100000d", 100000*24*time.Hour, "100000d")
}

func TestMetricTable(t *testing.T) {
	cfg := load(t, settings.Sources{Settings: []string{
		"xrootd.step=10s", "metrics.cpu_load.step=1m", "metrics.cpu_load.aggregation=avg", "metrics.cpu_load.unit=1",
	}})
	table, err := cfg.MetricTable()
	if err != nil {
		t.Fatal(err)
	}
	f := func(want metric.Metric) {
		t.Helper()
		id, ok := table.Lookup(want.Name)
		if !ok {
			t.Errorf("no metric %s", want.Name)
		} else if diff := cmp.Diff(want, table.At(id)); diff != "" {
			t.Error(diff)
		}
	}
	f(metric.Metric{Name: "cpu_load", Step: 60, Aggregation: metric.AggAvg, Unit: "1"})
	f(metric.Metric{Name: metric.XrdOpens, Step: 10, Fold: metric.Sum, Aggregation: metric.AggSum, Unit: "1"})
}

// FuzzLoad holds that no file makes Load panic, and that what it accepts can be
// written and read again.
func FuzzLoad(f *testing.F) {
	// Small ones: the engine makes what it finds smaller, which takes long with large ones.
	f.Add([]byte("development: true\nlog: {level: warn}\nudp: {listen: ['[::1]:1']}\n"))
	f.Add([]byte("auth: {key_file: k}\nmetrics:\n  a.b: {step: 90s, fold: max}\n"))
	f.Add([]byte(`{"development": true, "store": {"max_bytes": 1e9}}`))
	f.Add([]byte("a: &a [*a]\n? [x]\n: 1\n"))
	f.Add([]byte("metrics: {\"\": {step: 1s}, 1: {step: 1s}}\n<<: {grace: 1s}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		cfg, err := config.Load(settings.Sources{File: write(t, "c.yaml", string(raw))})
		if err != nil {
			return
		}
		text, err := cfg.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(cfg, load(t, settings.Sources{File: write(t, "c.yaml", string(text))})); diff != "" {
			t.Errorf("written and read (-want +got):\n%s", diff)
		}
	})
}
