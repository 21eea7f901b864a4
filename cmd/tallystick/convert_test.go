package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/ccms"
	"tallystick/internal/cli"
	"tallystick/internal/config"
	"tallystick/internal/settings"
)

const cockpitConfig = "../../internal/ccms/testdata/config.json"

// Ensure what is converted is a configuration as it stands.
func TestConvert(t *testing.T) {
	in, err := os.ReadFile(cockpitConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	writeFile(t, "cc/config.json", string(in))
	writeFile(t, "cc/old.json", `{"http-api":{"address":"localhost:8082"},"metrics":{}}`)
	writeFile(t, "cc/split.json", `{"main-file":"main.json","more":1}`)
	writeFile(t, "cc/main.json", `{"addr":":7"}`)

	r := tally(t, "config", "convert", "cc/config.json")
	wantIn(t, r, cli.OK, "ATTENTION nats.password")
	writeFile(t, "site.yaml", r.stdout)
	wantIn(t, tally(t, "config", "check", "--config", "site.yaml"), cli.Usage, "http.tls.cert: ", "nats.password_file: ")
	writeFile(t, "password", "sesame")
	here := []string{"http.tls.cert=", "http.tls.key=", "http.cleartext=true", "nats.password_file=password"}
	check := []string{"config", "check", "--config", "site.yaml"}
	for _, s := range here {
		check = append(check, "--set", s)
	}
	wantIn(t, tally(t, check...), cli.OK, "- 0.0.0.0:8082", "memory: 2d", "subject: hpc.alpha")

	wantIn(t, tally(t, "config", "convert", "cc/split.json"), cli.OK, `listen: [":7"]`, "unknown key, left out: more")
	wantIn(t, tally(t, "config", "convert", "cc/old.json"), cli.Failure, "before version 1.5", "metric-store {")
	wantIn(t, tally(t, "config", "convert", "cc/none.json"), cli.Failure, "no such file")
	wantIn(t, tally(t, "config", "convert"), cli.Usage, "accepts 1 arg")
}

// FuzzConvert holds that whatever the values of cc-metric-store's configuration
// are, ours is one that can be loaded.
func FuzzConvert(f *testing.F) {
	f.Add("0.0.0.0:8082", "AQID", "cpu_load", 60, "avg", "48h", 100, "https://c.example.org", "nats://a:4222", "me", "hpc.a", "alpha")
	f.Add(":99999", "é\n", "a.b", 0, "x", "-1h", -1, "http://", "a,tls://b:1,x://", "", "a.>", "c.d")
	f.Add("[::1]:0", "", "xrd_opens", 1, "sum", "1ns", 1<<40, "http://a b", "nats://u:p@h", "\x00", "a b", "..")
	f.Add("a:b:1", "!!", "\u2028: {", 1<<40, "", "2562047h47m", 1<<20, "http://[::1", "nats://[", "u\t", "*", "\x7f")
	f.Add(`\a"`, "\ufeff", "x\x00\u0080\x7f\"\\\U0001f600\ufffe", 1, "\u0085", "1s", 1, "http://\x7f", "nats://\u0080", "\ufeff", "\u2029", "\u009f")
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, addr, key, metric string, frequency int, aggregation, retention string, memory int,
		backend, nats, user, subject, cluster string,
	) {
		type object = map[string]any
		in, err := json.Marshal(object{
			"main":    object{"addr": addr, "jwt-public-key": key, "backend-url": backend},
			"metrics": object{metric: object{"frequency": frequency, "aggregation": aggregation}},
			"nats":    object{"address": nats, "username": user, "password": user},
			"metric-store": object{
				"retention-in-memory": retention, "memory-cap": memory,
				"nats-subscriptions": []any{
					object{"subscribe-to": subject, "cluster-tag": cluster},
					object{"subscribe-to": subject, "cluster-tag": cluster, user: 1},
					object{"subscribe-to": cluster},
				},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ccms.Convert(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, c.YAML, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(settings.Sources{File: path}); err != nil {
			t.Fatalf("%v\n%s", err, c.YAML)
		}
	})
}
