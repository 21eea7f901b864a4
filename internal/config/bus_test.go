package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/config"
	"tallystick/internal/settings"
	"tallystick/internal/source"
)

// TestNATSProblems has what can be wrong about NATS, with its place.
func TestNATSProblems(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		path := write(t, "c.yaml", "development: true\nnats:\n"+text)
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
	broker := "  urls: ['nats://a:4222']\n"
	f("  urls: ['http://a']\n", `c.yaml:3: nats.urls: "http://a" is not a URL such as nats://broker.example.org:4222`)
	f(broker+"  token_file: t\n  nkey_file: n\n", "c.yaml:2: nats: only one of token_file, nkey_file can be who we are")
	f(broker+"  pasword_file: p\n", "c.yaml:4: nats.pasword_file: unknown key, did you mean nats.password_file?")
	f("  subscriptions: {a: {subject: s}}\n", "c.yaml:2: nats.urls: there are subscriptions, and no broker")
	f(broker+"  subscriptions:\n    a: {subject: s, clusters: c}\n",
		"c.yaml:5: nats.subscriptions.a.clusters: unknown key, did you mean nats.subscriptions.a.cluster?")
	f(broker+"  subscriptions:\n    a:\n      kind: line\n      subject: s\n",
		`c.yaml:6: nats.subscriptions.a.kind: "line" is none of [lines packets claims]`)
	f(broker+"  subscriptions:\n    a: {subject: ''}\n", `c.yaml:5: nats.subscriptions.a.subject: "" is not a subject`)
	f(broker+"  subscriptions:\n    a: {subject: s, queue: q, cluster: x}\n    b: {subject: s, queue: q, cluster: y}\n",
		"c.yaml:6: nats.subscriptions.b: each message would go to it or to a, as chance has it, "+
			"and they differ in kind, cluster or precision")
}

func TestNATSSettings(t *testing.T) {
	cfg := load(t, settings.Sources{Settings: []string{"nats.subscriptions.a.b.subject=s"}, Environ: []string{
		"TALLYSTICK_NATS_URLS=nats://a:4222,nats://b:4222", "TALLYSTICK_NATS_SUBSCRIPTIONS={c: {subject: t, kind: claims}}",
	}})
	want := map[string]source.Subscription{"a.b": {Subject: "s"}, "c": {Subject: "t", Kind: source.Claims}}
	if diff := cmp.Diff(want, cfg.NATS.Subscriptions); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"nats://a:4222", "nats://b:4222"}, cfg.NATS.Broker.URLs); diff != "" {
		t.Errorf("urls (-want +got):\n%s", diff)
	}
}

// TestAMQPProblems has that problems of AMQP have their keys.
func TestAMQPProblems(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		path := write(t, "c.yaml", "development: true\namqp:\n"+text)
		_, err := config.Load(settings.Sources{File: path})
		if got := strings.ReplaceAll(fmt.Sprint(err), path, "c.yaml"); !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	f("  urls: ['nats://a']\n", `c.yaml:3: amqp.urls: "nats://a" is not a URL such as amqp://broker.example.org:5672`)
	f("  subscriptions: {a: {queue: q}}\n", "c.yaml:2: amqp.urls: there are subscriptions, and no broker")
	f("  urls: ['amqp://a']\n  subscriptions:\n    a: {queue: q, routing_key: k}\n", "c.yaml:5: amqp.subscriptions.a.routing_key: needs an exchange")
	f("  urls: ['amqp://a']\n  subscriptions:\n    a: {queue: q, cluster: x}\n    b: {queue: q, cluster: y}\n", "c.yaml:6: amqp.subscriptions.b: each message would go to it or to a")
}

// TestFileProblems has that problems of files have their keys.
func TestFileProblems(t *testing.T) {
	path := write(t, "c.yaml", "development: true\nfiles:\n  a:\n    kind: claims\n    cluster: c\n")
	_, err := config.Load(settings.Sources{File: path})
	want := "c.yaml:3: files.a.path: is empty"
	if got := strings.ReplaceAll(fmt.Sprint(err), path, "c.yaml"); !strings.Contains(got, want) ||
		!strings.Contains(got, "c.yaml:4: files.a.kind: cluster and precision are for lines, not for claims") {
		t.Errorf("got %s, want %s", got, want)
	}
}
