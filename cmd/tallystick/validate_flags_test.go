package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Ensure that flags say of one report what the configuration says of all.
func TestValidateFlags(t *testing.T) {
	const name = "s02_partial_vector"
	packets, err := filepath.Abs("../../internal/capture/testdata/" + name + "/packets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsFile(t, name)
	t.Chdir(t.TempDir())
	f := func(want string, flags ...string) {
		t.Helper()
		args := append([]string{"validate", "--packets", packets, "--claims", claims, "--format", "json"}, flags...)
		if got := tally(t, args...); !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("%v: got %.300s%s, want %s", flags, got.stdout, got.stderr, want)
		}
	}
	f(`{"slack":2,"tolerance":{},`)
	f(`{"slack":0,"tolerance":{"bytes":7},`, "--slack", "0s", "--tolerance-bytes", "7")
	f(`{"slack":1.5,"tolerance":{"bytes":7,"share":0.5},`, "--slack", "1500ms", "--tolerance-bytes", "7", "--tolerance-share", "0.5")
	f(`"tolerance":{},`, "--set", "validate.tolerance.bytes=9", "--tolerance-bytes", "0")
	f(`"step":30,`, "--step", "30s")
	f(`"step":86400,`, "--step", "1d")
	f(`{"slack":86400,`, "--slack", "1d")
	f("is not from 0", "--slack", "25h")
	f("less than 0", "--tolerance-bytes", "-1")
	f("--tolerance-share", "--tolerance-share", "x")
}
