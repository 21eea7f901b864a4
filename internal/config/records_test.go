package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/config"
	"tallystick/internal/forward"
	"tallystick/internal/record"
	"tallystick/internal/settings"
)

// TestRecordsProblems has what can be wrong about records, with its place.
func TestRecordsProblems(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		path := write(t, "c.yaml", "development: true\nrecords:\n"+text)
		_, err := config.Load(settings.Sources{File: path})
		invalid, ok := errors.AsType[*settings.InvalidError](err)
		if !ok {
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
	f("  hold: 2h\n", "c.yaml:3: records.hold: 2h0m0s is not from 1s to 1h")
	f("  outputs:\n    a: {form: json, file: f}\n", `c.yaml:4: records.outputs.a.form: "json" is none of [go python wlcg]`)
	f("  outputs:\n    a: {form: go, file: f, route: wlgc}\n", `c.yaml:4: records.outputs.a.route: "wlgc" is none of [all wlcg default]`)
	f("  outputs:\n    a: {form: go, files: f}\n", "c.yaml:4: records.outputs.a.files: unknown key, did you mean records.outputs.a.file?",
		"c.yaml:4: records.outputs.a: goes nowhere: one of file, url, subject and exchange must be there")
	f("  outputs:\n    a: {form: go, subject: s}\n", "c.yaml:4: records.outputs.a.subject: there is no broker: nats.urls is empty")
	f("  outputs:\n    a: {form: go, exchange: x}\n", "c.yaml:4: records.outputs.a.exchange: there is no broker: amqp.urls is empty")
	f("  outputs:\n    a: {form: go, file: f}\n    b: {form: python, file: f}\n", "c.yaml:5: records.outputs.b.file: a writes to it too")
	f("  outputs:\n    a: {form: go}\n    b: {file: f}\n    b c: {form: go, file: g}\n",
		"c.yaml:4: records.outputs.a: goes nowhere: one of file, url, subject and exchange must be there",
		"c.yaml:5: records.outputs.b.form: is not there: go, python or wlcg",
		`c.yaml:6: records.outputs.b c: "b c" is not a name of letters, digits, - and _`)
}

func TestRecordsSettings(t *testing.T) {
	cfg := load(t, settings.Sources{Settings: []string{
		"records.outputs.a.form=wlcg", "records.outputs.a.url=https://x.example/in", "records.outputs.a.route=wlcg",
		"records.wlcg.type=test", "records.outputs.a.drop_vos=atlas,lhcb",
	}})
	want := map[string]forward.Output{"a": {
		Form: record.WLCG, Route: record.ToWLCG, DropVOs: []string{"atlas", "lhcb"}, HTTP: forward.HTTPConfig{URL: "https://x.example/in"},
	}}
	if diff := cmp.Diff(want, cfg.Records.Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if got := cfg.Records.WLCG; got.Type != "test" || got.Producer.Producer != "cms" || len(got.VOs) != 2 {
		t.Errorf("got %+v, want the default but for the type", got)
	}
}
