package collect_test

import (
	"os"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// Whatever the datagrams say, the collector lives, tells every transfer to its
// end, holds nothing for ever, and can be saved and restored.
func FuzzPackets(f *testing.F) {
	for _, name := range captures() {
		c, err := capture.Load(os.DirFS("../capture/testdata"), name)
		if err != nil {
			f.Fatal(err)
		}
		for i := 1; i < len(c.Packets); i += 5 {
			f.Add(c.Packets[i-1].Data, c.Packets[i].Data)
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		r := newRecorder()
		c := collect.New(collect.Default(), r)
		now := time.Unix(stod, 0)
		for _, d := range [][]byte{a, b, a} {
			_ = c.Packet(now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}) // may well be an error
			now = now.Add(time.Second)
			c.Advance(now)
		}
		c = restored(t, c, r, now)
		for range 200 {
			now = now.Add(time.Hour)
			c.Advance(now)
		}
		if s := c.Stats(); s.Files != 0 || s.Users != 0 || s.Lives != 0 || s.Held != 0 {
			t.Errorf("after 200 silent hours: %d files, %d users, %d lives, %d in all are held", s.Files, s.Users, s.Lives, s.Held)
		}
		for id, tr := range r.transfers {
			if tr.End == transfer.Open {
				t.Errorf("transfer %s is open after 200 silent hours", id)
			}
		}
	})
}

// A datagram that came before is noticed without allocating.
func TestDuplicatesDoNotAllocate(t *testing.T) {
	as := arrivals(load(t, "s03_concurrent_users"))
	c := collect.New(collect.Default(), newRecorder())
	feed(t, c, as)
	var files []arrival
	for _, a := range as {
		if a.Data[0] == 'f' || a.Data[0] == 't' {
			files = append(files, a)
		}
	}
	n := testing.AllocsPerRun(100, func() {
		for _, a := range files {
			if err := c.Packet(a.at, a.Packet); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for %d datagrams, want none", n, len(files))
	}
}

// BenchmarkCollect plays a recorded run of 119 datagrams and 78 transfers again
// and again, each time as a new life of the server.
func BenchmarkCollect(b *testing.B) {
	as := arrivals(load(b, "s03_concurrent_users"))
	c := collect.New(collect.Default(), newRecorder())
	bytes := 0
	for _, a := range as {
		bytes += len(a.Data)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	now := as[0].at
	for b.Loop() {
		now = now.Add(time.Minute)
		for _, a := range as {
			_ = xrootd.Shift(a.Data, 60) // text stays as it is
			if err := c.Packet(now, a.Packet); err != nil {
				b.Fatal(err)
			}
		}
		c.Advance(now)
	}
	b.ReportMetric(float64(b.N*len(as))/b.Elapsed().Seconds(), "datagrams/s")
}
