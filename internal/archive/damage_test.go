package archive_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/ocf"
)

// archived returns a new folder with an archive of m.
func archived(tb testing.TB, m *model, codec ocf.Codec) string {
	tb.Helper()
	dir := tb.TempDir()
	w := worker(m, dir, durable.OS{})
	w.Config.Codec = codec
	step(tb, w, after(day0+2))
	return dir
}

func files(tb testing.TB, dir string) []string {
	tb.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "20*", "*"))
	fatal(tb, err)
	return list
}

func mend(tb testing.TB, dir string) (done []string) {
	tb.Helper()
	a := archive.Open(folder(dir), nil)
	days, err := a.Days(tb.Context())
	fatal(tb, err)
	r := archive.Mender{Archive: a, FS: durable.OS{}, Temp: filepath.Join(dir, "tmp")}
	for _, d := range days {
		fatal(tb, r.Repair(tb.Context(), d, func(x archive.Repaired) { done = append(done, x.Name+": "+x.Done) }))
	}
	return done
}

// Every file, cut short or with a byte that is another: Verify says so, all that is read
// was there before, Repair makes it right with what could be read and loses nothing, and
// leaves the rest alone.
func TestDamage(t *testing.T) {
	m := little()
	all := m.contents(day0-30, day0+2)
	for _, codec := range allCodecs() {
		origin := archived(t, m, codec)
		for _, file := range files(t, origin) {
			whole, err := os.ReadFile(file)
			fatal(t, err)
			for _, b := range damaged(whole, 4) {
				dir := durabletest.Dir(t)
				fatal(t, os.CopyFS(dir, os.DirFS(origin)))
				path := filepath.Join(dir, strings.TrimPrefix(file, origin))
				name := fmt.Sprintf("%s %s %s", codec, filepath.Base(path), b.how)
				fatal(t, os.WriteFile(path, b.text, 0o600))
				if got := wrong(t, folder(dir)); len(got) == 0 && filepath.Ext(path) == ".avro" {
					t.Errorf("%s: Verify found nothing", name)
				}
				got, _ := read(t, folder(dir))
				// Null and deflate have no checksum: a byte may be another and not be noticed but by
				// its hash. The others give what was there, or nothing.
				if codec == ocf.Snappy || codec == ocf.Zstandard {
					for key, v := range got {
						if all[key] != v && !strings.HasPrefix(b.how, "header") {
							t.Fatalf("%s: got %s = %q, want %q", name, key, v, all[key])
						}
					}
				}
				mend(t, dir)
				if left := wrong(t, folder(dir)); len(left) > 0 {
					t.Errorf("%s: after the repair: %v", name, left)
				}
				again, _ := read(t, folder(dir))
				same(t, name+" repaired", again, got)
				if done := mend(t, dir); len(done) > 0 {
					t.Errorf("%s: a second repair did %v, want nothing", name, done)
				}
			}
		}
	}
}

type damage struct {
	how  string
	text []byte
}

// damaged returns versions of a file that are cut, and that have a bit turned, about so
// many of each.
func damaged(whole []byte, n int) (out []damage) {
	every := max(len(whole)/n, 1)
	for cut := 0; cut < len(whole); cut += every {
		out = append(out, damage{fmt.Sprintf("cut at %d", cut), whole[:cut]})
	}
	header := 0
	if len(whole) > 16 {
		header = bytes.Index(whole, whole[len(whole)-16:]) + 16 // the mark that ends it ends the file too
	}
	for at := 3; at < len(whole); at += every {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		how := "bit at"
		if at < header {
			how = "header bit at"
		}
		out = append(out, damage{fmt.Sprintf("%s %d", how, at), b})
	}
	return append(out, damage{"emptied", nil}, damage{"other", []byte("this is another file")})
}

// A file that is cut at any length whatever is read up to there, and costs no more than
// the rest of it.
func TestTruncated(t *testing.T) {
	m := little()
	m.blocks, m.transfers, m.claims = nil, nil, nil
	dir := archived(t, m, ocf.Snappy)
	path := files(t, dir)[slices.IndexFunc(files(t, dir), func(s string) bool { return strings.HasSuffix(s, "packets.avro") })]
	whole, err := os.ReadFile(path)
	fatal(t, err)
	for cut := range len(whole) {
		fatal(t, os.WriteFile(path, whole[:cut], 0o600))
		got, damage := read(t, folder(dir))
		if len(damage) == 0 && cut < len(whole)-1 && len(got) == 6 {
			t.Errorf("cut at %d: got no damage", cut)
		}
		for key, v := range got {
			if all := m.contents(day0, day0+2); all[key] != v {
				t.Errorf("cut at %d: got %s = %q, want %q", cut, key, v, all[key])
			}
		}
	}
}

// What does not belong there disturbs nothing; what is missing is told.
func TestStrange(t *testing.T) {
	m := little()
	dir := archived(t, m, ocf.Deflate)
	day := filepath.Join(dir, day0.String())
	for _, name := range []string{"x", "notes.txt", "samples-a.avro.tmp", "manifest.json.damaged"} {
		fatal(t, os.WriteFile(filepath.Join(day, name), []byte("?"), 0o600))
	}
	fatal(t, os.MkdirAll(filepath.Join(day, "folder.avro"), 0o700))
	fatal(t, os.MkdirAll(filepath.Join(dir, "2023-13-99"), 0o700))
	fatal(t, os.WriteFile(filepath.Join(dir, "2023-01-01"), nil, 0o600))
	got, damage := read(t, folder(dir))
	same(t, "with strange files", got, m.contents(day0-30, day0+2))
	if more := append(damage, wrong(t, folder(dir))...); len(more) > 0 {
		t.Errorf("got %v, want nothing wrong", more)
	}

	fatal(t, os.Remove(filepath.Join(day, "packets.avro")))
	_, damage = read(t, folder(dir))
	if len(damage) != 1 || !strings.Contains(damage[0], "packets.avro: it is missing") {
		t.Errorf("got %v, want that a file is missing", damage)
	}
	if got := wrong(t, folder(dir)); len(got) != 1 {
		t.Errorf("got %v, want that a file is missing", got)
	}
	if done := mend(t, dir); len(done) != 2 || len(wrong(t, folder(dir))) != 0 {
		t.Errorf("got %v and %v, want the manifest without the file", done, wrong(t, folder(dir)))
	}
}

// What a repair did is not undone by a worker that looked before.
func TestRepairBesideWorker(t *testing.T) {
	m := little()
	dir := t.TempDir()
	w := worker(m, dir, durable.OS{})
	w.Late = func(kind archive.Kind) time.Duration {
		if kind == checkpoint.Packets {
			return 0
		}
		return 24 * time.Hour
	}
	step(t, w, after(day0+1))
	path := filepath.Join(dir, day0.String(), "packets.avro")
	whole, err := os.ReadFile(path)
	fatal(t, err)
	fatal(t, os.WriteFile(path, whole[:len(whole)-1], 0o600))
	mend(t, dir)
	step(t, w, after(day0+2)) // the rest of the day
	if got := wrong(t, folder(dir)); len(got) > 0 {
		t.Errorf("got %v, want nothing wrong", got)
	}
}

// A manifest that is lost is made again as it was, but for the time.
func TestManifestAgain(t *testing.T) {
	dir := archived(t, little(), ocf.Zstandard)
	a := archive.Open(folder(dir), nil)
	want, err := a.Manifest(t.Context(), day0)
	fatal(t, err)
	fatal(t, os.Remove(filepath.Join(dir, day0.String(), "manifest.json")))
	mend(t, dir)
	got, err := a.Manifest(t.Context(), day0)
	fatal(t, err)
	for i := range want.Files {
		want.Files[i].Made = got.Files[i].Made
	}
	if fmt.Sprint(got.Files) != fmt.Sprint(want.Files) {
		t.Errorf("got %+v\nwant %+v", got.Files, want.Files)
	}
}
