package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallystick/internal/ccms"
	"tallystick/internal/cli"
	"tallystick/internal/durable"
)

// cockpit makes a folder of checkpoints as cc-metric-store does, of a cluster with
// one node.
func cockpit(t *testing.T) string {
	t.Helper()
	start := time.Now().Add(-time.Hour).Unix() / 60 * 60
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "alpha", "n01", strconv.FormatInt(start-5, 10)+".json"), fmt.Sprintf(
		`{"metrics":{"cpu_load":{"frequency":60,"start":%d,"data":[1.5,null,2.5]},"strange":{"frequency":30,"start":%[1]d,"data":[1]}},
		"children":{"hwthread0":{"metrics":{"cpu_load":{"frequency":60,"start":60,"data":[1]}},"children":{}}}}`, start))
	return dir
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const importConfig = `
data_dir: data
auth: {key_file: key.pem}
metrics:
  cpu_load: {step: 1m}
`

// wantIn compares a result with the code and texts that must be in stdout.
func wantIn(t *testing.T, r result, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("got exit code %d, want %d; stderr:\n%s", r.code, code, r.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("got\n%s%s\nwant %q in it", r.stdout, r.stderr, text)
		}
	}
}

// Ensure what was imported is in a checkpoint that is restored, what is not taken
// is told, and a second import finds all of it there.
func TestImport(t *testing.T) {
	dir := cockpit(t)
	t.Chdir(t.TempDir())
	writeFile(t, "site.yaml", importConfig)
	f := func(code int, texts []string, args ...string) {
		t.Helper()
		wantIn(t, tally(t, append([]string{"import", "--config", "site.yaml"}, args...)...), code, texts...)
	}
	f(cli.OK, []string{"1 clusters, 1 hosts, 1 files", "taken: 2 samples of 1 series"}, "--dry-run", dir)
	if _, err := os.Stat("data"); err == nil {
		t.Error("a dry run has made the data folder")
	}
	f(cli.OK, []string{
		"taken: 2 samples of 1 series",
		"refused, older than retention: 1 samples; the first in alpha/n01/",
		"retention.memory",
		`"strange": {step: 30s, aggregation: none} # 1 samples`,
		"saved data/",
	}, dir)
	f(cli.OK, []string{"taken: 0 samples", "there already: 2 samples"}, dir)
	f(cli.OK, []string{"taken: 1 samples", "there already: 2 samples"}, dir, "--set", "ingest.learn.step=1m")
	f(cli.Failure, []string{"no files <cluster>/<host>", "nothing was saved"}, filepath.Join(dir, "alpha"))
	f(cli.Failure, []string{"there was no memory for all", "store.max_bytes is reached: 2 samples"},
		dir, "--set", "store.max_bytes=1", "--set", "data_dir=other")
	f(cli.Usage, []string{"requires at least 1 arg"})
}

func TestImportBesideAServer(t *testing.T) {
	dir := cockpit(t)
	t.Chdir(t.TempDir())
	writeFile(t, "site.yaml", importConfig)
	lock, err := durable.Lock("data")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	wantIn(t, tally(t, "import", "--config", "site.yaml", dir), cli.Failure, "another process uses it")
	wantIn(t, tally(t, "import", "--config", "site.yaml", "--dry-run", dir), cli.OK, "taken: 2 samples")
}

// Ensure one who waits is told now and then how far it is.
func TestImportProgress(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	p := progress{out: &out, next: now.Add(progressEvery)}
	for i := range 5 {
		p.tell(now.Add(time.Duration(i)*progressEvery/2), i, 5, &ccms.Report{Taken: 100 * i})
	}
	if got, want := out.String(), "2 of 5 hosts, 200 samples\n4 of 5 hosts, 400 samples\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
