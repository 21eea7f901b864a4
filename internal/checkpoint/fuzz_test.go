package checkpoint_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// readOnly is a file system that cannot be written: a fuzzer has no time for
// fsync, and a restore must work without.
type readOnly struct{ durable.OS }

//nolint:ireturn // the interface wants it
func (readOnly) Create(string, string) (durable.File, error) { return nil, fs.ErrPermission }

// fuzzFile restores from a folder of which one file is whatever comes.
func fuzzFile(f *testing.F, file string) {
	f.Helper()
	origin := f.TempDir()
	w := newWorld(f)
	w.collector.list = [][]byte{[]byte("c1"), []byte("c2")}
	w.ingest.list = w.collector.list
	w.grow(f, 1)
	from := save(f, checkpoint.New(checkpoint.Config{Dir: origin}, durable.OS{}, w.parts(), quiet())).Path
	good, err := os.ReadFile(filepath.Join(from, file))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("Obj\x01\x00"))
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, filepath.Base(from), file)
	for _, other := range []string{"samples-site.avro", "counts-site.avro", "transfers.avro", "claims.avro", "collector.avro", "ingest.avro"} {
		if other != file { // only one file is of interest
			os.Remove(filepath.Join(filepath.Dir(path), other))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got := newWorld(t)
		info, err := checkpoint.New(checkpoint.Config{Dir: dir}, readOnly{}, got.parts(), quiet()).Restore(t.Context())
		if err != nil {
			t.Fatalf("a file stops the start: %v", err)
		}
		transfers, claims := got.ledger.Len()
		if transfers > info.Transfers || claims > info.Claims {
			t.Errorf("got %d transfers and %d claims, told were %d and %d", transfers, claims, info.Transfers, info.Claims)
		}
	})
}

func FuzzSamples(f *testing.F)   { fuzzFile(f, "counts-site.avro") }
func FuzzPackets(f *testing.F)   { fuzzFile(f, "packets.avro") }
func FuzzTransfers(f *testing.F) { fuzzFile(f, "transfers.avro") }
func FuzzClaims(f *testing.F)    { fuzzFile(f, "claims.avro") }
func FuzzState(f *testing.F)     { fuzzFile(f, "collector.avro") }
func FuzzMeta(f *testing.F)      { fuzzFile(f, "meta.json") }
