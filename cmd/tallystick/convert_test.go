package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/ccms"
	"tallystick/internal/config"
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
	wantIn(t, r, exitOK, "ATTENTION nats.password")
	writeFile(t, "site.yaml", r.stdout)
	wantIn(t, tally(t, "config", "check", "--config", "site.yaml"), exitOK, "listen: 0.0.0.0:8082", "memory: 2d", "subject: hpc.alpha")

	wantIn(t, tally(t, "config", "convert", "cc/split.json"), exitOK, `listen: ":7"`, "unknown key, left out: more")
	wantIn(t, tally(t, "config", "convert", "cc/old.json"), exitFailure, "before version 1.5", "metric-store {")
	wantIn(t, tally(t, "config", "convert", "cc/none.json"), exitFailure, "no such file")
	wantIn(t, tally(t, "config", "convert"), exitUsage, "accepts 1 arg")
}

// FuzzConvert holds that whatever cc-metric-store's configuration has, ours is one
// that can be loaded.
func FuzzConvert(f *testing.F) {
	in, err := os.ReadFile(cockpitConfig)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(in)
	f.Add([]byte(`{"main":{"addr":":99999","jwt-public-key":"é\n"},"metrics":{"a.b":{"frequency":1}," ":{"frequency":60}}}`))
	f.Add([]byte(`{"nats":{"address":"a,tls://b:1,x://","password":"p"},"metric-store":{"nats-subscriptions":[{"subscribe-to":"a.>","cluster-tag":"c.d"},1]}}`))
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := ccms.Convert(in, func(string) ([]byte, error) { return nil, errors.New("no file") })
		if err != nil {
			return
		}
		if err := os.WriteFile(path, c.YAML, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(config.Sources{File: path}); err != nil {
			t.Fatalf("%v\n%s", err, c.YAML)
		}
	})
}
