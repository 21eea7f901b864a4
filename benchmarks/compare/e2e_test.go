//go:build e2e

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompare compares the binary with itself as seen through the face of cc-metric-store, on few
// samples of each shape: all that both took is there and right, while they run, and after kill -9.
func TestCompare(t *testing.T) {
	dir := t.TempDir()
	bin, cc := build(t, dir), filepath.Join(dir, "cc-metric-store")
	script := fmt.Sprintf("#!/bin/sh\n%s config convert \"$2\" >site.yaml && exec %s serve --config site.yaml --set data_dir=\"$PWD/../data\"\n", bin, bin)
	if err := os.WriteFile(cc, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	f := func(shape, many string, peers int) {
		t.Helper()
		var table, progress bytes.Buffer
		err := run(t.Context(), []string{
			"-peers", "tallystick=" + bin + ",cc-metric-store=" + cc + ",influxdb=/nonexistent", "-dir", t.TempDir(), "-shape", shape,
			"-nodes", "5", "-parts", "2", "-slots", "30", "-small", "15", "-size", "100", "-settle", "0", "-asking", "10ms",
			"-only", "large,small,nats,many,calm,saving", "-many-nodes", "6", "-many-parts", "2", "-many-slots", "5",
		}, &table, &progress)
		if err != nil {
			t.Fatalf("%s: %v\n%s", shape, err, &progress)
		}
		for _, r := range rowTexts() {
			want, ok := map[row]string{kept: "100.000", lostAge: "0.0", valuesBad: "0", answersBad: "0", manyBad: "0"}[r.row]
			if line := "| " + strings.ReplaceAll(r.text, "{many}", many) + " |" + strings.Repeat(" "+want+" |", peers) + "\n"; ok && !strings.Contains(table.String(), line) {
				t.Errorf("%s: no %s in\n%s\n%s", shape, line, &table, &progress)
			}
		}
		if !strings.Contains(table.String(), "- without influxdb (not found)\n") {
			t.Errorf("%s: who is not there is not told in\n%s", shape, &table)
		}
		over := "| the same, of what came over NATS | 0 |" // the other has no such
		if (&bench{}).findBroker() != "" {
			over = "- without NATS (nats-server not found)\n"
		}
		if !strings.Contains(table.String(), over) {
			t.Errorf("%s: no %s in\n%s\n%s", shape, over, &table, &progress)
		}
	}
	f("telemetry", "96", 2)
	f("churn", "96", 2)
	f("fields", "96", 1) // the other takes one field in a line
	f("sparse", "96", 2)
	f("xrootd", "54", 2)
	f("random", "96", 2)
}

func build(t *testing.T, dir string) (bin string) {
	t.Helper()
	bin = filepath.Join(dir, "tallystick")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "tallystick/cmd/tallystick")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}
