package ccms_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"tallystick/internal/ccms"
)

func noFiles(string) ([]byte, error) { return nil, fs.ErrNotExist }

// TestConvertExample holds that configs/cc-metric-store.yaml is what is made of
// testdata/config.json. cmd/tallystick tests that it can be loaded.
func TestConvertExample(t *testing.T) {
	in, err := os.ReadFile("testdata/config.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../configs/cc-metric-store.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ccms.Convert(in, noFiles)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(string(got.YAML), string(want)); d != "" {
		t.Errorf("make it again: tallystick config convert internal/ccms/testdata/config.json\n%s", d)
	}
	if len(got.Attention) != 3 || got.Unknown != nil {
		t.Errorf("got attention %q, unknown %q", got.Attention, got.Unknown)
	}
	if strings.Contains(string(got.YAML), "not in ours") {
		t.Error("the password is in it")
	}
}

func TestConvert(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		c, err := ccms.Convert([]byte(in), noFiles)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			return
		}
		for _, w := range want {
			if !strings.Contains(string(c.YAML), w) {
				t.Errorf("%s: got\n%s\nwant %q in it", in, c.YAML, w)
			}
		}
	}
	f(`{}`, "listen: [\"127.0.0.1:8082\"]", "ATTENTION main.jwt-public-key was not there", "key_file:", "max_bytes: 0",
		"ATTENTION metrics: there is none", "memory: \"48h\"")
	f(`{"main":{"addr":"localhost"}}`, `ATTENTION main.addr is "localhost"`)
	f(`{"main":{"addr":"[::1]:80"}}`, `listen: ["[::1]:80"]`)
	f(`{"main":{"addr":":80"}}`, "ATTENTION tokens are sent in cleartext", "cleartext: true")
	f(`{"main":{"addr":":80","https-cert-file":"c"}}`, "one without the other is no TLS", "cleartext: true")
	f(`{"main":{"addr":":80","https-cert-file":"c","https-key-file":"k"}}`, "  tls:\n", `cert: "c"`, `key: "k"`)
	f(`{"main":{"jwt-public-key":"x"}}`, "ATTENTION main.jwt-public-key is not base64")
	f(`{"main":{"backend-url":"cockpit"}}`, `ATTENTION main.backend-url is "cockpit"`)
	f(`{"metrics":{"a: b":{"frequency":90,"aggregation":null}}}`, `"a: b": {step: 1m30s, aggregation: none}`)
	f(`{"metrics":{"a":{"frequency":0.5}}}`, "ATTENTION metrics.a: frequency is 0.5", "  {}")
	f(`{"metrics":{"a":{"frequency":1,"aggregation":"max"}}}`, "aggregation is max", `"a": {step: 1s, aggregation: none}`)
	f(`{"metrics":{"xrd_opens":{"frequency":1}}}`, "ATTENTION metrics.xrd_opens: the name is taken")
	f(`{"metric-store":{"memory-cap":0,"retention-in-memory":"2 days"}}`, "memory-cap is 0", `is "2 days"`)
	f(`{"metric-store":{"cleanup":{"mode":"delete"}}}`, "# metric-store.cleanup.mode: dropped")
	f(`{"metric-store":{"nats-subscriptions":[{}]}}`, "there is no nats.address")
	f(`{"nats":{"address":"a:4222, tls://b"}}`, `urls: ["nats://a:4222", "tls://b"]`, "    {}")
	f(`{"nats":{"address":"nats://me:secret@a"}}`, "ATTENTION nats.address has a user", `["nats://a"]`)
	f(`{"nats":{"address":"a","creds-file-path":"x.creds","username":"u"}}`, `credentials_file: "x.creds"`)
	f(`{"nats":{"address":"a"},"metric-store":{"nats-subscriptions":[{"subscribe-to":"s","cluster-tag":"a/b"},{"subscribe-to":"s"},{"subscribe-to":""}]}}`,
		`cluster-tag is "a/b"`, "subscribe-to is there twice", `subscribe-to is ""`, `"subscription-2": {subject: "s", cluster: ""}`)
}

func TestConvertUnknown(t *testing.T) {
	c, err := ccms.Convert([]byte(`{"main":{"x":1,"y":null},"metrics":{"a":{"frequency":1,"scope":"node"}},"other":{"deep":{}},
		"nats":{"address":"a","z":1},"metric-store":{"checkpoints":{"interval":"1h"},"nats-subscriptions":[{"subscribe-to":"s","q\n":2}]}}`), noFiles)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"main.x", "metric-store.checkpoints.interval", "metric-store.nats-subscriptions[0].q\uFFFD", "metrics.a.scope", "nats.z", "other"}
	if !slices.Equal(c.Unknown, want) {
		t.Errorf("got %q, want %q", c.Unknown, want)
	}
	for _, key := range want {
		if !strings.Contains(string(c.YAML), "# "+key+": unknown") {
			t.Errorf("%s is not in the comments", key)
		}
	}
}

func TestConvertIncludes(t *testing.T) {
	open := func(name string) ([]byte, error) {
		if name != "m.json" {
			return nil, fs.ErrNotExist
		}
		return []byte(`{"a":{"frequency":7,"aggregation":null}}`), nil
	}
	c, err := ccms.Convert([]byte(`{"metrics-file":"m.json"}`), open)
	if err != nil || !strings.Contains(string(c.YAML), `"a": {step: 7s`) || c.Unknown != nil {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := ccms.Convert([]byte(`{"main-file":"x.json"}`), open); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want that the file is not there", err)
	}
}

func TestConvertErrors(t *testing.T) {
	f := func(in string, want error) {
		t.Helper()
		if _, err := ccms.Convert([]byte(in), noFiles); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", in, err, want)
		}
	}
	f(`{"metrics":{},"http-api":{"address":"x:1"}}`, ccms.ErrOldConfig)
	f(`{"metrics":{},"checkpoints":{"interval":21600},"retention-in-memory":86400,"nats":null}`, ccms.ErrOldConfig)
	f(`{"main":`, ccms.ErrShort)
	f(`{} x`, ccms.ErrLong)
}
