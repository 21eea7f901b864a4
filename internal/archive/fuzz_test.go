package archive_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallystick/internal/archive"
	"tallystick/internal/ocf"
)

func FuzzManifest(f *testing.F) {
	dir := archived(f, little(), ocf.Snappy)
	text, err := os.ReadFile(filepath.Join(dir, day0.String(), "manifest.json"))
	fatal(f, err)
	f.Add(text)
	f.Add([]byte(`{"version":1,"day":"2023-11-14","kinds":["samples"],"files":[{"name":"../x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := archive.ParseManifest(day0, text)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if strings.Contains(file.Name, "/") && filepath.Base(file.Name) != file.Name {
				t.Errorf("got a file %q, want a plain name", file.Name)
			}
		}
		again, err := json.Marshal(m)
		fatal(t, err)
		if _, err := archive.ParseManifest(day0, again); err != nil {
			t.Errorf("what was read and written cannot be read: %v", err)
		}
	})
}

// FuzzFile reads any bytes as each kind of file: whatever they are, that ends, and what
// is read can be written by a repair that leaves nothing wrong.
func FuzzFile(f *testing.F) {
	for _, codec := range allCodecs() {
		for _, path := range files(f, archived(f, little(), codec)) {
			if b, err := os.ReadFile(path); err == nil && filepath.Ext(path) == ".avro" {
				f.Add(filepath.Base(path), b)
			}
		}
	}
	f.Add("samples-b%2F\xb4.avro", []byte("not of ours: its name is not UTF-8"))
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		if filepath.Ext(name) != ".avro" || filepath.Base(name) != name || len(name) > 200 || strings.ContainsAny(name, "\x00") {
			return
		}
		dir := t.TempDir()
		day := filepath.Join(dir, day0.String())
		fatal(t, os.MkdirAll(day, 0o700))
		fatal(t, os.WriteFile(filepath.Join(day, name), b, 0o600))
		a := archive.Open(folder(dir), func(string, error) {})
		for _, err := range a.Series(t.Context(), day0, nil) {
			fatal(t, err)
		}
		for _, err := range a.Transfers(t.Context(), day0) {
			fatal(t, err)
		}
		for _, err := range a.Claims(t.Context(), day0) {
			fatal(t, err)
		}
		for _, err := range a.Packets(t.Context(), day0) {
			fatal(t, err)
		}
		mend(t, dir)
		if left := wrong(t, folder(dir)); len(left) > 0 {
			t.Errorf("after the repair: %v", left)
		}
	})
}
