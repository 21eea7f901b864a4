package checkpoint_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/api"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// two is a folder with two checkpoints, of which the newer hides some of the older
// and adds more.
type two struct {
	dir      string
	old, new string // paths
	older    map[string]string
	newer    map[string]string
	files    []string
}

func twoCheckpoints(t *testing.T) two {
	t.Helper()
	s := two{dir: t.TempDir()}
	w := newWorld(t)
	d := open(s.dir, durable.OS{}, w)
	w.grow(t, 1)
	s.old, s.older = save(t, d).Path, w.content()
	w.grow(t, 2)
	s.new, s.newer = save(t, d).Path, w.content()
	s.files = slices.DeleteFunc(names(t, s.new), func(name string) bool { return name == "packets.avro" }) // not read at a start
	return s
}

// check restores and compares. Anything that is there must be as it was, in the
// newer checkpoint or in the older; nothing that both have may be missing; the
// states must be pieces of one of them; and what differs from the newer one must
// have been told.
func (s *two) check(t *testing.T, what string) checkpoint.Info {
	t.Helper()
	return s.checkOn(t, durable.OS{}, what)
}

// checkOn is check on a disk that may have faults of its own.
func (s *two) checkOn(t *testing.T, fsys durable.FS, what string) checkpoint.Info {
	t.Helper()
	w := newWorld(t)
	info := restore(t, open(s.dir, fsys, w))
	got := w.content()
	if info.Whole() && !cmp.Equal(got, s.newer) {
		t.Errorf("%s: something is missing and nothing is told", what)
	}
	for name, v := range got {
		if was, ok := s.newer[name]; ok && v == was || name == "order" {
			continue
		}
		if was, ok := s.older[name]; !ok || v != was {
			t.Errorf("%s: %s is what it never was", what, name)
		}
	}
	for name := range s.older {
		_, both := s.newer[name]
		if _, ok := got[name]; both && !ok {
			t.Errorf("%s: %s is in both, and is missing", what, name)
		}
	}
	for _, list := range [][][]byte{w.collector.list, w.ingest.list} {
		generation := func(entry []byte) string { return string(entry[len(entry)-1:]) }
		for _, entry := range list {
			if generation(entry) != generation(list[0]) {
				t.Errorf("%s: states of two times are mixed: %q", what, list)
			}
		}
	}
	for _, path := range []string{s.old, s.new} { // as if it had not been restored
		if err := os.RemoveAll(filepath.Join(path, "problems.txt")); err != nil {
			t.Fatal(err)
		}
	}
	return info
}

// damage writes the file of the newer checkpoint as change makes it, checks, and
// puts it back.
func (s *two) damage(t *testing.T, file, what string, change func(b []byte) []byte) checkpoint.Info {
	t.Helper()
	path := filepath.Join(s.new, file)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(change(slices.Clone(good))))
	defer write(t, path, string(good))
	return s.check(t, file+" "+what)
}

func TestDamage(t *testing.T) {
	s := twoCheckpoints(t)
	if info := s.check(t, "undamaged"); !info.Whole() {
		t.Errorf("got %+v from undamaged files, want them whole", info)
	}
	const samples = 3 // of each kind, in each file
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, file := range s.files {
		n := int(size(t, filepath.Join(s.new, file)))
		lengths := []int{0, 1, 4, n / 2, n - 17, n - 16, n - 1}
		for range samples {
			lengths = append(lengths, rnd.IntN(n))
		}
		for _, length := range lengths {
			info := s.damage(t, file, fmt.Sprintf("cut to %d of %d", length, n), func(b []byte) []byte { return b[:max(length, 0)] })
			if info.Whole() && file != "meta.json" {
				t.Errorf("%s: cut to %d of %d and nobody noticed", file, length, n)
			}
		}
		for range samples {
			at, bit := rnd.IntN(n), rnd.IntN(8)
			s.damage(t, file, fmt.Sprintf("bit %d of byte %d flipped", bit, at), func(b []byte) []byte {
				b[at] ^= 1 << bit
				return b
			})
		}
		from := rnd.IntN(n / 2)
		s.damage(t, file, fmt.Sprintf("zeros from %d", from), func(b []byte) []byte {
			clear(b[from : from+n/4])
			return b
		})
		s.damage(t, file, "twice", func(b []byte) []byte { return append(b, b...) })
		s.damage(t, file, "other file", func([]byte) []byte { return []byte("<html>") })
	}
}

// Damage in one Avro block costs no more than the records in it, also without an
// older checkpoint.
func TestDamageCostsOneBlock(t *testing.T) {
	s := twoCheckpoints(t)
	if err := os.RemoveAll(s.old); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.new, "transfers.avro")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(good)
	head := len(api.Transfer()) // about: the header is little more than the schema
	bad[head+(len(bad)-head)/2] ^= 4
	write(t, path, string(bad))
	w, info := restored(t, s.dir)
	if transfers, claims := w.ledger.Len(); transfers != 551-512 || claims != 550 || info.Damaged != 1 {
		t.Errorf("got %d transfers, %d claims and %+v, want all but 512 transfers", transfers, claims, info)
	}
	// A bad sync marker alone costs nothing.
	copy(bad, good)
	bad[len(bad)-3] ^= 4
	write(t, path, string(bad))
	w, info = restored(t, s.dir)
	if transfers, _ := w.ledger.Len(); transfers != 551 || info.Damaged != 1 {
		t.Errorf("got %d transfers and %+v, want all and one damage told", transfers, info)
	}
}

func TestMissingFile(t *testing.T) {
	s := twoCheckpoints(t)
	for _, file := range s.files {
		path := filepath.Join(s.new, file)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if info := s.check(t, file+" missing"); info.Damaged != 1 {
			t.Errorf("%s missing: got %+v, want one damage", file, info)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
}

// Packets are read when checkpoints are merged: damage of them is told then, and costs
// no more than they are.
func TestDamagedPackets(t *testing.T) {
	s := twoCheckpoints(t)
	write(t, filepath.Join(s.old, "packets.avro"), "not one")
	w := newWorld(t)
	d := open(s.dir, durable.OS{}, w)
	if info := restore(t, d); !info.Whole() {
		t.Errorf("got %+v, want all but the packets, which no start needs", info)
	}
	for range 6 { // until it is the turn of the oldest
		w.grow(t, 3)
		save(t, d)
	}
	again, info := restored(t, s.dir)
	if d := cmp.Diff(w.content(), again.content()); d != "" || !info.Whole() {
		t.Errorf("got %+v (-want +got):\n%s", info, d)
	}
	if got := names(t, filepath.Join(s.dir, "quarantine")); !slices.Contains(got, filepath.Base(s.old)) || d.Stats().Damaged == 0 {
		t.Errorf("got %v in quarantine and %+v, want the one with damaged packets", got, d.Stats())
	}
}

// Until a newer checkpoint is there, every start uses what a damaged one still
// has; then it goes to quarantine.
func TestDamagedIsUsedAgainUntilSaved(t *testing.T) {
	s := twoCheckpoints(t)
	path := filepath.Join(s.new, "claims.avro")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(b[:len(b)-20]))
	w, info := restored(t, s.dir)
	again, infoAgain := restored(t, s.dir)
	if d := cmp.Diff(w.content(), again.content()); d != "" || info.Damaged != infoAgain.Damaged {
		t.Errorf("the second start has something else: %+v, %+v\n%s", info, infoAgain, d)
	}
	save(t, open(s.dir, durable.OS{}, again))
	if got, want := sequences(t, s.dir), []string{"00000004", "quarantine"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got := names(t, filepath.Join(s.dir, "quarantine", filepath.Base(s.new)))
	if want := slices.Sorted(slices.Values(append(slices.Clone(s.files), "packets.avro", "problems.txt"))); !slices.Equal(got, want) {
		t.Errorf("got %v in quarantine, want all of it: %v", got, want)
	}
	last, info := restored(t, s.dir)
	if d := cmp.Diff(w.content(), last.content()); d != "" || !info.Whole() {
		t.Errorf("got %+v (-want +got):\n%s", info, d)
	}
}
