package shoveler_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/forward"
	"tallystick/internal/settings"
	"tallystick/internal/shovel"
	"tallystick/internal/shoveler"
)

// loadShovel loads a file with that text, variables and settings.
func loadShovel(t *testing.T, text string, environ ...string) (shoveler.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return shoveler.Load(settings.Sources{File: path, Environ: environ})
}

// Ensure the example has each key, with its default.
func TestShovelExample(t *testing.T) {
	const path = "../../configs/shovel.yaml"
	got, err := shoveler.Load(settings.Sources{File: path, Settings: []string{"amqp.url=amqp://127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := shoveler.Default()
	want.AMQP.URL = "amqp://127.0.0.1"
	want.Map, want.To = map[string]string{}, map[string]shovel.Output{}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range shoveler.Keys() {
		name := k.Name[strings.LastIndexByte(k.Name, '.')+1:]
		if !strings.Contains(string(raw), name+":") {
			t.Errorf("%s is not there", k.Name)
		}
	}
}

// Ensure the field's file and variables mean what they mean to its shoveler.
func TestShovelOfTheField(t *testing.T) {
	text := `
mq: amqp
amqp:
  url: amqps://broker.example.org:5671/vhost
  exchange: shoveled-xrd
  topic:
  token_location: /etc/token
listen:
  port: 9993
  ip: 127.0.0.1
verify: false
outputs:
  destinations: [192.0.2.7:9999]
map:
  all: 192.0.2.1
  10.0.0.1: 192.0.2.2
metrics: {enable: "true", port: "8001"}
queue_directory: /tmp/shoveler-queue
`
	cfg, err := loadShovel(t, text, "SHOVELER_LISTEN_PORT=9994", "SHOVELER_MAP_ALL=192.0.2.9", "SHOVELER_METRICS_PORT=8002", "HOME=/root",
		"SHOVELER_OUTPUTS_DESTINATIONS=192.0.2.7:9999 192.0.2.8:9999")
	if err != nil {
		t.Fatal(err)
	}
	set, err := shoveler.Load(settings.Sources{Settings: []string{"map.all=192.0.2.9", "amqp.url=amqp://127.0.0.1"}})
	if err != nil || set.Map["all"] != "192.0.2.9" {
		t.Errorf("set on the command line: got %v, %v", set.Map, err)
	}
	got := cfg.Config()
	want := shovel.Default()
	want.UDP.Listen = []string{"127.0.0.1:9994"}
	want.Verify, want.Metrics, want.Queue.Dir = false, ":8002", "/tmp/shoveler-queue"
	want.Map = map[string]string{"all": "192.0.2.9", "10.0.0.1": "192.0.2.2"}
	want.Outputs = map[string]shovel.Output{
		"amqp": {Envelope: shovel.Plain, AMQP: shovel.AMQPOutput{
			Broker: amqp.Config{
				URLs: []string{"amqps://broker.example.org:5671/vhost"}, User: "shoveler", TokenFile: "/etc/token", Retry: amqp.DefaultRetry,
			},
			AMQPConfig: forward.AMQPConfig{Exchange: "shoveled-xrd"},
		}},
		"copy-1": {UDP: shovel.UDPOutput{Address: "192.0.2.7:9999", Messages: true}},
		"copy-2": {UDP: shovel.UDPOutput{Address: "192.0.2.8:9999", Messages: true}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Ensure the forms of addresses that are in use mean a broker.
func TestShovelAddresses(t *testing.T) {
	brokers := func(text string) shovel.Output {
		t.Helper()
		cfg, err := loadShovel(t, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range cfg.Config().Outputs {
			return o
		}
		return shovel.Output{}
	}
	f := func(url, more, want string) {
		t.Helper()
		got := brokers("stomp: {url: '" + url + "'" + more + "}").STOMP
		broker := stomp.Config{URLs: []string{want}, Retry: stomp.DefaultRetry}
		if more != "" {
			broker.CertFile, broker.KeyFile = "c", "k"
		}
		if d := cmp.Diff(shovel.STOMPOutput{Broker: broker, Destination: "/topic/xrootd.shoveler"}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", url, d)
		}
	}
	f("127.0.0.1:61613", "", "stomp://127.0.0.1:61613")
	f("localhost:61613", "", "stomp://localhost:61613")
	f("[::1]:61613", "", "stomp://[::1]:61613")
	f("stomp://h:61613", "", "stomp://h:61613")
	f("h:61614", ", cert: c, certkey: k", "stomps://h:61614")

	got := brokers("amqp: {url: 'amqp://me:secret@h:5672/v'}").AMQP.Broker
	if want := (amqp.Config{URLs: []string{"amqp://h:5672/v"}, User: "me", Password: "secret", Retry: amqp.DefaultRetry}); !cmp.Equal(want, got) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Ensure all that is wrong is told at once, with its place and what is meant.
func TestShovelProblems(t *testing.T) {
	_, err := loadShovel(t, `
metrics: true
metrics_port: 8000
amqp_url: amqp://h
input: {address: ':9993'}
ampq: {}
stomp: {url: 'h:61613', pasword: x}
listen: {port: 99999, ip: '127.0.0.1:9993'}
outputs: {destinations: [192.0.2.7]}
map: {10.0.0.0/99: x}
queue: {full: drop-all, max_bytes: 1}
to: {a/b: {http: {url: 'ftp://h'}}, none: {envelope: fat}}
`, "SHOVELER_AMQP_EXCHANG=x")
	want := []string{
		":2: metrics: is a section, write metrics.enable",
		":3: metrics_port: is read by no shoveler, write metrics.port",
		":4: amqp_url: is read by no shoveler, write amqp.url",
		":5: input: is read by no shoveler, write listen.port and listen.ip",
		":6: ampq: unknown key, here may be",
		":7: stomp.pasword: unknown key, did you mean stomp.password?",
		":8: listen.port: 99999 is no port",
		":8: listen.ip: \"127.0.0.1:9993\" is no address",
		":9: outputs.destinations: address 192.0.2.7: missing port in address",
		":10: map: \"10.0.0.0/99\" is neither",
		":11: queue.full: \"drop-all\" is neither",
		":11: queue.max_bytes: 1 is less than",
		":12: to.a/b: \"a/b\" is not a name",
		":12: to.a/b.http.url: \"ftp://h\" is not",
		":12: to.none: has 0 of",
		":12: to.none.envelope: \"fat\" is neither",
		"SHOVELER_AMQP_EXCHANG: unknown variable, did you mean SHOVELER_AMQP_EXCHANGE?",
	}
	if err == nil {
		t.Fatal("got no error")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("not told: %s", w)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

// Ensure that what is wrong with a URL is told in the words of the field's keys.
func TestShovelURLProblems(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := loadShovel(t, text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hid") {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
	f("amqp: {url: 'amqp://me:hid#den@h'}", "amqp.url: is not a URL such as amqp://broker.example.org:5672; in a password # is written %23")
	f("stomp: {url: 'stomp://me:hidden@h'}", "stomp.url: has a user in it, write stomp.user and stomp.password")
	f("stomp: {url: 'http://h'}", `stomp.url: "http://h" is not a URL such as stomp://broker.example.org:61613`)
}

// Ensure that nothing secret is in what is printed.
func TestShovelSecrets(t *testing.T) {
	cfg, err := loadShovel(t, "amqp: {url: 'amqp://me:hidden@h'}\nstomp: {url: 'h:1', user: me, password: hidden}\n")
	if err != nil {
		t.Fatal(err)
	}
	text, err := cfg.YAML()
	if err != nil || strings.Contains(string(text), "hidden") || !strings.Contains(string(text), "amqp://me:REDACTED@h") {
		t.Errorf("got %v\n%s", err, text)
	}
	_, err = loadShovel(t, "amqp: {url: 'amqp://me:hidden@h'}\nmq: nats\n")
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
}
