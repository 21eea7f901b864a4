package checkpoint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

// TestUnreadable: what cannot be read of the newer checkpoint, for whatever reason, is told,
// once for each file, and taken from the older one; the disk is asked for all the rest.
func TestUnreadable(t *testing.T) {
	s := twoCheckpoints(t)
	for _, file := range s.files {
		path := filepath.Join(s.new, file)
		for what, fsys := range map[string]durable.FS{
			"closed":          durabletest.Sick{Closed: path},
			"torn":            durabletest.Sick{Torn: path, Good: size(t, path) / 2},
			"torn at its end": durabletest.Sick{Torn: path, Good: size(t, path)},
		} {
			if info := s.checkOn(t, fsys, file+" "+what); info.Damaged != 1 {
				t.Errorf("%s %s: got %+v, want one damage", file, what, info)
			}
		}
		aside := path + ".aside"
		if err := os.Rename(path, aside); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(path, "x"), "a folder where the file should be")
		if info := s.check(t, file+" is a folder"); info.Damaged != 1 {
			t.Errorf("%s is a folder: got %+v, want one damage", file, info)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
	}
	if info := s.checkOn(t, durabletest.Sick{Closed: s.new}, "the newer one as a whole"); info.Damaged != 1 || info.Path != s.new || info.Log != 0 {
		t.Errorf("got %+v, want one damage, and all that the log has", info)
	}
}

// TestUnreadableGoesToQuarantine: a checkpoint of which nothing can be read is not removed,
// but set aside, and what older ones have of it is what there is from then on.
func TestUnreadableGoesToQuarantine(t *testing.T) {
	s := twoCheckpoints(t)
	w := newWorld(t)
	d := open(s.dir, durabletest.Sick{Closed: s.new}, w)
	if info := restore(t, d); info.Damaged != 1 {
		t.Errorf("got %+v, want one damage", info)
	}
	want := w.content()
	save(t, d)
	again, info := restored(t, s.dir)
	if d := cmp.Diff(want, again.content()); d != "" || !info.Whole() {
		t.Errorf("got %+v (-want +got):\n%s", info, d)
	}
	aside := filepath.Join(s.dir, "quarantine", filepath.Base(s.new))
	if got, want := names(t, aside), append(s.files, "packets.avro"); len(got) < len(want) {
		t.Errorf("got %v in quarantine, want all of it: %v", got, want)
	}
}

// TestPlacesTaken: where something else has a name that a checkpoint's own files need, or
// lies among them, saves go on and what is damaged is not removed.
func TestPlacesTaken(t *testing.T) {
	f := func(what string, take func(s *two), place string) {
		t.Helper()
		s := twoCheckpoints(t)
		place = strings.ReplaceAll(place, "*", filepath.Base(s.new))
		write(t, filepath.Join(s.new, "claims.avro"), "damaged")
		take(&s)
		w, info := restored(t, s.dir)
		if info.Damaged != 1 {
			t.Errorf("%s: got %+v, want one damage", what, info)
		}
		d := open(s.dir, durable.OS{}, w)
		for range 3 {
			save(t, d)
		}
		again, info := restored(t, s.dir)
		if d := cmp.Diff(w.content(), again.content()); d != "" || !info.Whole() {
			t.Errorf("%s: got %+v (-want +got):\n%s", what, info, d)
		}
		if b, err := os.ReadFile(filepath.Join(s.dir, place, "claims.avro")); string(b) != "damaged" {
			t.Errorf("%s: got %q, %v, want the damaged checkpoint in %s", what, b, err, place)
		}
	}
	f("nothing", func(*two) {}, "quarantine/*")
	f("a report that was not finished", func(s *two) { write(t, filepath.Join(s.new, "problems.txt.tmp"), "half") }, "quarantine/*")
	f("a report that is empty", func(s *two) { write(t, filepath.Join(s.new, "problems.txt"), "") }, "quarantine/*")
	f("a report of other things", func(s *two) { write(t, filepath.Join(s.new, "problems.txt"), "\x00\xff") }, "quarantine/*")
	f("a folder in place of the report", func(s *two) { write(t, filepath.Join(s.new, "problems.txt", "x"), "") }, "quarantine/*")
	f("strange files in the checkpoint", func(s *two) {
		for _, name := range []string{"x", "samples-site.avro.tmp", "other/samples-site.avro", "samples-gone.avro"} {
			write(t, filepath.Join(s.new, name), "strange")
		}
	}, "quarantine/*")
	f("a file in place of quarantine", func(s *two) { write(t, filepath.Join(s.dir, "quarantine"), "") }, "*")
	f("one of the same name in quarantine", func(s *two) {
		write(t, filepath.Join(s.dir, "quarantine", filepath.Base(s.new)+".1", "claims.avro"), "another")
		write(t, filepath.Join(s.dir, "quarantine", filepath.Base(s.new)), "a file")
	}, "quarantine/*.2")
}

// TestNoPackets: packets that are not there, or not to be read, are told when they are
// merged, and cost no more than they are.
func TestNoPackets(t *testing.T) {
	f := func(what string, harm func(path string)) {
		t.Helper()
		s := twoCheckpoints(t)
		harm(filepath.Join(s.new, "packets.avro"))
		w := newWorld(t)
		d := open(s.dir, durable.OS{}, w)
		if info := restore(t, d); !info.Whole() {
			t.Errorf("%s: got %+v, want all but the packets, which no start needs", what, info)
		}
		save(t, d)
		save(t, d)
		again, info := restored(t, s.dir)
		if d := cmp.Diff(s.newer, again.content()); d != "" || !info.Whole() {
			t.Errorf("%s: got %+v (-want +got):\n%s", what, info, d)
		}
		if d.Stats().Damaged == 0 || !slices.Contains(names(t, filepath.Join(s.dir, "quarantine")), filepath.Base(s.new)) {
			t.Errorf("%s: got %+v, want it told, and the checkpoint in quarantine", what, d.Stats())
		}
	}
	f("missing", func(path string) { _ = os.Remove(path) })
	f("empty", func(path string) { write(t, path, "") })
	f("a folder", func(path string) {
		_ = os.Remove(path)
		write(t, filepath.Join(path, "x"), "")
	})
	f("cut", func(path string) { _ = os.Truncate(path, size(t, path)-20) })
	f("a byte is another", func(path string) {
		b, _ := os.ReadFile(path)
		b[len(b)-30] ^= 1
		write(t, path, string(b))
	})
}
