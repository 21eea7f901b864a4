package main

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"tallystick/internal/capture"
	"tallystick/internal/cli"
)

// What was kept gives the report that the server gave, byte for byte: out of the log,
// out of checkpoints, out of both, and fed to another server.
func TestReplay(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := capture.Load(capture.Demo(), capture.DemoName)
	if err != nil {
		t.Fatal(err)
	}
	replayed := func(what, want string, flags ...string) {
		t.Helper()
		args := append([]string{"replay", "--set", "collect.hold=1s", "--run", "r"}, flags...)
		if r := tally(t, args...); r.code != cli.OK || r.stdout != want {
			t.Errorf("%s: got exit code %d, %s\n%s\nwant\n%s", what, r.code, r.stderr, r.stdout, want)
		}
	}
	s := serveIn(t, "--set", "retention.ledger=36500d", "--set", "retention.memory=36500d")
	s.feed(c)
	report, verdicts := s.report()
	want, server := string(report), verdicts.Verdicts[0].Claim.Server
	replayed("log of a server that runs", want)
	s.stop()
	replayed("checkpoint", want)
	s = serveIn(t, "--set", "retention.ledger=36500d", "--set", "retention.memory=36500d")
	s.feed(c) // again, into the log
	replayed("checkpoint and log", want)
	csv := string(s.do(http.MethodGet, "/api/v1/validation?run=r&server="+server, nil))
	s.stop()
	replayed("of a server, in a folder that is named", csv, "--server", server, "checkpoints")

	there := t.TempDir()
	from, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(there)
	s = serveIn(t, "--set", "retention.ledger=36500d", "--set", "retention.memory=36500d")
	if err := os.WriteFile("token", []byte(s.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	args := []string{"replay", "--feed", s.url, "--token-file", "token", from + "/checkpoints"}
	if code := execute(t.Context(), args, &out, &errs); code != cli.OK || !strings.Contains(errs.String(), "sent 238 packets and 80 claims") {
		t.Errorf("got exit code %d, %s%s", code, &out, &errs)
	}
	if got, _ := s.report(); string(got) != want {
		t.Errorf("another server has another report")
	}
	s.stop()
}

func TestReplayUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	f := func(want string, args ...string) {
		t.Helper()
		if r := tally(t, append([]string{"replay"}, args...)...); r.code == cli.OK || !strings.Contains(r.stderr, want) {
			t.Errorf("%v: got exit code %d and %q, want %s", args, r.code, r.stderr, want)
		}
	}
	f("--from", "--from", "yesterday")
	f("--format", "--format", "pdf")
	f("nosuch", "nosuch")
	f("--token-file", "--feed", "http://127.0.0.1:1")
	if r := tally(t, "replay", "--from", "2026-11-01", "--to", "2026-11-02T10:00:00Z"); r.code != cli.OK || !strings.Contains(r.stdout, `"verdicts":[]`) {
		t.Errorf("nothing at all: got %+v", r)
	}
}
