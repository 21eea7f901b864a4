package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallystick/internal/cli"
)

// anArchive returns a copy of the one that internal/archive keeps to read old versions.
func anArchive(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../internal/archive/testdata/v1")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestArchiveListAndVerify(t *testing.T) {
	dir := anArchive(t)
	wantIn(t, tally(t, "archive", "list", dir), cli.OK, "DAY", "2023-11-14  samples", "2023-11-14  packets    1      5")
	wantIn(t, tally(t, "archive", "verify", dir), cli.OK, "1 days, 5 files", "0 files are wrong")
	r := tally(t, "archive", "list", "--json", dir, "--from", "2023-11-15")
	if wantIn(t, r, cli.OK); r.stdout != "[]\n" {
		t.Errorf("got %q, want no day", r.stdout)
	}
	r = tally(t, "archive", "list", "--json", dir)
	var days []listedDay
	if err := json.Unmarshal([]byte(r.stdout), &days); err != nil || len(days) != 1 || len(days[0].Files) != 5 || days[0].Bytes == 0 {
		t.Errorf("got %s, %v, want a day with 5 files", r.stdout, err)
	}
	wantIn(t, tally(t, "archive", "list", filepath.Join(dir, "none")), cli.Failure, "no such file")
	wantIn(t, tally(t, "archive", "list", "--from", "yesterday", dir), cli.Usage, "--from", "is not a time")
	wantIn(t, tally(t, "archive", "list", "a", "b"), cli.Usage)
	wantIn(t, tally(t, "archive", "--help"), cli.OK, "list", "verify", "repair", "export", "prune")
}

func TestArchiveRepair(t *testing.T) {
	dir := anArchive(t)
	path := filepath.Join(dir, "2023-11-14", "packets.avro")
	if err := os.Truncate(path, 600); err != nil {
		t.Fatal(err)
	}
	wantIn(t, tally(t, "archive", "verify", dir), cli.Failure, "packets.avro: it has 600 bytes", "1 files are wrong", "tallystick archive repair")
	wantIn(t, tally(t, "archive", "export", "--kind", "packets", dir), cli.Failure, "packets.avro", "not all could be read")
	wantIn(t, tally(t, "archive", "repair", dir), cli.OK, "kept as packets.avro.damaged", "manifest.json: made of the files")
	wantIn(t, tally(t, "archive", "verify", dir), cli.OK, "0 files are wrong")
	wantIn(t, tally(t, "archive", "repair", dir), cli.OK, "1 days; 0 repairs")
}

func TestArchiveExport(t *testing.T) {
	dir := anArchive(t)
	f := func(lines int, texts []string, args ...string) {
		t.Helper()
		r := tally(t, append([]string{"archive", "export", dir}, args...)...)
		wantIn(t, r, cli.OK, texts...)
		if got := strings.Count(r.stdout, "\n"); got != lines {
			t.Errorf("%v: got %d lines, want %d", args, got, lines)
		}
	}
	f(6, []string{"id,site,server", "1.1700000000.0,"}, "--kind", "transfers")
	f(6, []string{"at_ns,remote,data,arrival_ns", "1699920000000000001,192.0.2.1:1,ADA=,0"}, "--kind", "packets")
	f(5, []string{`"run":"r"`}, "--kind", "claims", "--format", "ndjson")
	f(2, []string{`"id":"1.1700000000.2"`}, "--kind", "transfers", "--format", "ndjson", "--from", "2023-11-14T05:33:31Z", "--to", "1699980011")
	f(1, []string{`"metric":"load"`, `null`, `"Infinity"`}, "--metric", "l*", "--format", "ndjson")
	f(1, []string{"cluster,node,type"}, "--node", "other")
	f(2, []string{",load,unit of load,60,1700"}, "--metric", "load", "--from", "1700000000", "--to", "1700000300")

	out := filepath.Join(t.TempDir(), "x.parquet")
	wantIn(t, tally(t, "archive", "export", dir, "--format", "parquet", "-o", out), cli.OK, "wrote ", " records to ")
	if b, err := os.ReadFile(out); err != nil || !strings.HasPrefix(string(b), "PAR1") {
		t.Errorf("got %v, want a file of Parquet", err)
	}
	bad := func(want string, args ...string) {
		t.Helper()
		wantIn(t, tally(t, append([]string{"archive", "export", dir}, args...)...), cli.Usage, want)
	}
	bad("is none of", "--kind", "logs")
	bad("is none of", "--format", "xml")
	bad("only samples can be parquet", "--kind", "claims", "--format", "parquet")
	bad("only samples have a cluster", "--kind", "claims", "--cluster", "a")
	bad("syntax error in pattern", "--metric", "[")
	bad("is not after", "--from", "2023-11-15", "--to", "2023-11-14")
}

func TestArchivePrune(t *testing.T) {
	dir := anArchive(t)
	if err := os.CopyFS(filepath.Join(dir, "2023-11-13"), os.DirFS(filepath.Join(dir, "2023-11-14"))); err != nil {
		t.Fatal(err)
	}
	wantIn(t, tally(t, "archive", "prune", dir), cli.OK, "removed 0 of 2 days")
	wantIn(t, tally(t, "archive", "prune", dir, "--dry-run", "--keep", "24h"), cli.OK, "would remove 2023-11-13: 6 files", "would remove 1 of 2 days")
	wantIn(t, tally(t, "archive", "list", dir), cli.OK, "2023-11-13")
	wantIn(t, tally(t, "archive", "prune", dir, "--max-bytes", "1"), cli.OK, "removed 2023-11-13: 6 files", "removed 1 of 2 days")
	wantIn(t, tally(t, "archive", "prune", dir, "--keep", "24h"), cli.OK, "removed 0 of 1 days")
}

// The archive of a configuration is that in its data folder.
func TestArchiveOfConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "site.yaml", "data_dir: data\nauth: {key_file: key.pem}\n")
	wantIn(t, tally(t, "archive", "list", "-c", "site.yaml"), cli.Failure, filepath.Join("data", "archive"))
	if err := os.MkdirAll(filepath.Join("data", "archive"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantIn(t, tally(t, "archive", "verify", "-c", "site.yaml"), cli.OK, "0 days, 0 files")
	wantIn(t, tally(t, "archive", "list", "-c", "site.yaml", "--set", "archive.dir=off"), cli.Failure, "there is no archive")
}
