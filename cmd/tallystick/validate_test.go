package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallystick/internal/capture"
	"tallystick/internal/cli"
)

// claimsFile writes the claims of a capture, one a line.
func claimsFile(t *testing.T, name string) string {
	t.Helper()
	c, err := capture.Load(os.DirFS("../../internal/capture/testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, x := range capture.Claims(name, c.Truth) {
		text, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return write(t, "claims.jsonl", b.String())
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Ensure that plain files are laid together, other accounts of them judged, and the runs
// written as the earlier validations' files, which are read again.
func TestValidate(t *testing.T) {
	const name = "s06_killed_longlived"
	packets, err := filepath.Abs("../../internal/capture/testdata/" + name + "/packets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Abs("../../internal/record/testdata/" + name + "/collector-go.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsFile(t, name)
	t.Chdir(t.TempDir())
	f := func(code int, wants []string, args ...string) {
		t.Helper()
		got := tally(t, append([]string{"validate"}, args...)...)
		if got.code != code {
			t.Errorf("%q exits with %d, want %d:\n%s", args, got.code, code, got.stderr)
		}
		for _, want := range wants {
			if !strings.Contains(got.stdout+got.stderr, want) {
				t.Errorf("%q says nothing of %q:\n%s%s", args, want, got.stdout, got.stderr)
			}
		}
	}
	both := []string{"--packets", packets, "--claims", claims}
	f(cli.OK, []string{"killed-client", "replayed 44 packets and 8 claims"}, both...)
	f(cli.OK, []string{`"killed-client"`}, append(both, "--format", "json")...)
	f(cli.OK, []string{"unknown-as-zero", "start-of-server", "claims with their records"}, append(both, "--against", records)...)
	f(cli.OK, []string{`"minimum-of-none":1`}, append(both, "--against", records, "--format", "json")...)
	f(cli.OK, nil, append(both, "--export", "out")...)
	f(cli.Failure, []string{"file exists"}, append(both, "--export", "out")...)
	f(cli.OK, []string{name, "0 mismatch", "7 exact"}, "--phase1", "out") // one of the eight wrote
	f(cli.OK, nil, append(both, "--export", "out", "--export-phase", "2")...)
	f(cli.OK, []string{name}, "--phase2", "out", "--format", "csv")
	f(cli.OK, []string{"0 mismatch", "7 exact"}, "--phase2", "out")
	f(cli.OK, []string{"nothing was found"}, t.TempDir())
	f(cli.Failure, []string{"lines are no records"}, append(both, "--against", packets)...)
	f(cli.Failure, []string{"no files of phase 1"}, "--phase1", t.TempDir())
	f(cli.Failure, []string{"no such file"}, "--phase1", "nowhere")
	f(cli.Failure, []string{"no such file"}, "--packets", "nowhere")
	f(cli.Failure, []string{"bad.jsonl:2: "}, "--packets", write(t, "bad.jsonl", "\n{\n"))
	f(cli.Failure, []string{"bad.jsonl:1: run is empty"}, "--claims", write(t, "bad.jsonl", "{}\n"))
	f(cli.Failure, []string{"1 verdicts are unexplained"},
		"--packets", packets, "--claims", write(t, "claims.jsonl",
			`{"run":"r","id":"1","server":"127.0.0.1:21094","path":"/k/nowhere","asked":{"read":1,"readv":0,"write":0},"opened":1795325735,"closed":1795325736,"outcome":"ok"}`))
	f(cli.Failure, []string{`--run: nothing is of "x"; there is ["` + name + `"]`, "nothing is of a server y:1"}, append(both, "--run", "x", "--server", "y:1")...)
	f(cli.Failure, []string{`"unknown":["client"]`, "--client: nothing is of"}, append(both, "--client", "z", "--format", "json")...)
	f(cli.Failure, []string{"Nothing is of that run"}, append(both, "--run", "x", "--format", "html")...)
	f(cli.Failure, []string{"--run: nothing is of \"x\"; there is none"}, "--packets", packets, "--run", "x")
	f(cli.OK, []string{"text, json or csv"}, "--help")
	nameless := filepath.Join(filepath.Dir(filepath.Dir(packets)), "s14_configs", "packets.jsonl") // it has bytes
	f(cli.OK, []string{"15 extra  nothing came from the server then, or no stream that names its files\n"}, "--packets", nameless)
	f(cli.Usage, []string{"only one"}, "--packets", "-", "--claims", "-")
	f(cli.Usage, []string{"--format"}, "--phase1", "out", "--format", "ndjson")
	f(cli.Usage, []string{"--export-phase: 3"}, append(both, "--export", "out", "--export-phase", "3")...)
	f(cli.Usage, []string{"none of the others can be"}, "--phase1", "a", "--against", "b")
}

// Ensure that lines which are damaged are left out of a report, which says how many they are, and
// that the first of them are told.
func TestValidateDamaged(t *testing.T) {
	const name = "s06_killed_longlived"
	packets, err := os.ReadFile("../../internal/capture/testdata/" + name + "/packets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	claims, err := os.ReadFile(claimsFile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Repeat("{}\n", 20)
	args := []string{
		"validate", "--packets", write(t, "p.jsonl", "{\n"+string(packets)), "--claims", write(t, "c.jsonl", string(claims)+bad),
		"--claims", write(t, "d.jsonl", bad),
	}
	for form, want := range map[string]string{
		"json": `"unread":41,`, "text": "\n41 lines or pieces could not be read", "html": ">41 lines or pieces could not be read",
	} {
		got := tally(t, append(args, "--format", form)...)
		if got.code != cli.Failure || !strings.Contains(got.stdout, want) || !strings.Contains(got.stdout, "killed-client") {
			t.Errorf("%s: got exit code %d, %s\n%s\nwant %q and all else", form, got.code, got.stdout, got.stderr, want)
		}
		for _, want := range []string{"c.jsonl:9: run is empty\n", "c.jsonl:28: ", "… and 21 more\n", "replayed 44 packets and 8 claims", "41 lines or pieces"} {
			if !strings.Contains(got.stderr, want) {
				t.Errorf("%s: no %q in\n%s", form, want, got.stderr)
			}
		}
		if strings.Contains(got.stderr, "d.jsonl") {
			t.Errorf("%s: more than the first are told:\n%s", form, got.stderr)
		}
	}
}

// Ensure that a file can be standard input.
func TestValidateStdin(t *testing.T) {
	const name = "s06_killed_longlived"
	packets, err := os.Open("../../internal/capture/testdata/" + name + "/packets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	var out, errs strings.Builder
	code := executeWith(t.Context(), []string{"validate", "--packets", "-", "--claims", claimsFile(t, name)}, packets, &out, &errs)
	if want := "replayed 44 packets and 8 claims"; code != cli.OK || !strings.Contains(errs.String(), want) {
		t.Errorf("got exit code %d and %s, want %s", code, &errs, want)
	}
}
