package shovel_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/shovel"
)

// datagrams are some of one life.
func datagrams() []shovel.Datagram {
	return []shovel.Datagram{
		{Life: "edge.x", Number: 7, Arrival: 1 << 60, Remote: "192.0.2.1:4711", Data: []byte("one")},
		{Life: "edge.x", Number: 8, Arrival: -1, Remote: "[2001:db8::1]:4711", Data: []byte{}},
	}
}

func TestPack(t *testing.T) {
	b := shovel.AppendPack(nil, datagrams())
	got, err := shovel.ParsePack(b)
	if d := cmp.Diff(datagrams(), got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for n := range b {
		if got, err := shovel.ParsePack(b[:n]); err == nil {
			t.Errorf("cut at %d: got %v", n, got)
		}
	}
	if got, err := shovel.ParsePack(append(b, 0)); err == nil {
		t.Errorf("with a byte more: got %v", got)
	}
}

// FuzzPack holds that what can be read is what would be written, whatever the disk has made of it.
func FuzzPack(f *testing.F) {
	f.Add(shovel.AppendPack(nil, datagrams()))
	f.Add([]byte{1, 0, 0, 0})
	f.Add([]byte{1, 1, 'x', 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		ds, err := shovel.ParsePack(b)
		if err != nil {
			return
		}
		again, err := shovel.ParsePack(shovel.AppendPack(nil, ds))
		if d := cmp.Diff(ds, again); err != nil || d != "" {
			t.Errorf("%v (-first +second):\n%s", err, d)
		}
	})
}

// Ensure putting datagrams together costs no memory once there is room.
func TestPackAllocs(t *testing.T) {
	ds := datagrams()
	b := shovel.AppendPack(nil, ds)
	if n := testing.AllocsPerRun(100, func() { b = shovel.AppendPack(b[:0], ds) }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
	if got, most := len(b), shovel.PackSize(ds); got > most {
		t.Errorf("the pack has %d bytes, want at most %d", got, most)
	}
	var m []byte
	m = shovel.AppendMessage(m, &ds[0], shovel.Extended)
	if n := testing.AllocsPerRun(100, func() { m = shovel.AppendMessage(m[:0], &ds[0], shovel.Extended) }); n > 0 {
		t.Errorf("a message: got %v allocations, want none", n)
	}
	if got, most := len(m), shovel.MessageSize(&ds[0]); got > most {
		t.Errorf("the message has %d bytes, want at most %d", got, most)
	}
	if !bytes.HasPrefix(m, []byte(`{"remote":"192.0.2.1:4711","version":"","data":"b25l","arrival_ns":1152921504606846976,"shoveler":"edge.x","seq":7}`)) {
		t.Errorf("got %s", m)
	}
}
