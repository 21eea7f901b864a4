package config_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tallystick/internal/config"
	"tallystick/internal/retain"
	"tallystick/internal/settings"
)

// TestRetentionRules reads rules in their order, from a file and from the environment.
func TestRetentionRules(t *testing.T) {
	const day = 24 * time.Hour
	want := []retain.Rule{{Cluster: "test*", Keep: day}, {Metric: "cpu_*", Keep: 2 * day}}
	f := func(name string, s settings.Sources) {
		t.Helper()
		if got := load(t, s).Retention.Rules; !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	f("file", settings.Sources{File: write(t, "c.yaml",
		"development: true\nretention:\n  rules:\n    - {cluster: 'test*', keep: 1d}\n    - metric: cpu_*\n      keep: 48h\n")})
	f("environment", settings.Sources{Environ: []string{
		"TALLYSTICK_RETENTION_RULES=[{cluster: 'test*', keep: 1d}, {metric: cpu_*, keep: 2d}]",
	}})
}

func TestRetentionProblems(t *testing.T) {
	f := func(setting, want string) {
		t.Helper()
		_, err := config.Load(settings.Sources{Settings: []string{setting}})
		if got := fmt.Sprint(err); got != fmt.Sprintf("%q: %s", setting, want) {
			t.Errorf("got  %s\nwant %q: %s", got, setting, want)
		}
	}
	f("retention.rules=[{keep: 1d}, {metric: '[', keep: 1d}]", `retention.rules: rule 2: "[": syntax error in pattern`)
	f("retention.rules=[{metric: x}]", "retention.rules: rule 1: keep: 0s is not more than 0")
	f("retention.jobs.url=cc.example.org", `retention.jobs.url: "cc.example.org" is not http://… or https://…`)
	f("retention.jobs.url=ftp://cc.example.org", `retention.jobs.url: "ftp://cc.example.org" is not http://… or https://…`)
	f("retention.jobs.clusters=a,[", `retention.jobs.clusters: "[": syntax error in pattern`)
	f("retention.jobs.max=0s", "retention.jobs.max: 0s is not more than 0")
}
