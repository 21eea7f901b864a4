package checkpoint_test

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/api"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ocf"
)

// Packets of before there were arrivals are read, and merged with those that have them.
func TestOldPackets(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	d := open(dir, durable.OS{}, w)
	w.grow(t, 1)
	save(t, d)
	for i := range w.packets[0] {
		w.packets[0][i].Arrival = 0
	}
	old, err := filepath.Glob(filepath.Join(dir, "*", "packets.avro"))
	if err != nil || len(old) != 1 {
		t.Fatal(old, err)
	}
	writeOld(t, old[0], w.packets[0])
	for g := range 6 {
		w.grow(t, 2+g)
		save(t, d)
	}
	var want, got []checkpoint.Packet
	for _, segment := range slices.Sorted(maps.Keys(w.packets)) {
		want = append(want, w.packets[segment]...)
	}
	v, err := d.View(func(_, _ string, err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for p, err := range v.Packets(t.Context(), -1<<62, 1<<62) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// writeOld writes packets as they were before.
func writeOld(t *testing.T, path string, packets []checkpoint.Packet) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := ocf.NewWriter(f, api.OldPackets()[0], ocf.Snappy, 512)
	for _, p := range packets {
		if err == nil {
			err = out.Append(func(b []byte) ([]byte, error) {
				return ocf.AppendText(ocf.AppendText(binary.AppendVarint(b, p.At.UnixNano()), p.Remote), p.Data), nil
			})
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
}
