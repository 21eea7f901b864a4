package shovel_test

import (
	"os"
	"path/filepath"
	"testing"

	"tallystick/internal/shovel"
)

// Ensure numbers go on after a restart, and begin anew in a life of another name where it is not
// known which were given out: after the machine itself was started again.
func TestLives(t *testing.T) {
	cfg := shovel.Default().Queue
	cfg.Dir = t.TempDir()
	open := func(boot string, put int, wantNext uint64) (life string) {
		t.Helper()
		q, err := shovel.OpenQueueAt(t.Context(), cfg, boot)
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		life, next := q.Number()
		if next != wantNext {
			t.Errorf("boot %q: got %d as the next number, want %d", boot, next, wantNext)
		}
		for range put {
			ds := []shovel.Datagram{{Data: []byte("x")}, {Data: []byte("y")}}
			if err := q.Put(t.Context(), ds); err != nil {
				t.Fatal(err)
			}
		}
		return life
	}
	first := open("a", 2, 1)
	if again := open("a", 1, 5); again != first {
		t.Errorf("after a restart: got life %s, want %s", again, first)
	}
	second := open("b", 0, 1)
	if second == first {
		t.Errorf("after a start of the machine: got life %s again", second)
	}
	if again := open("b", 1, 1); again != second {
		t.Errorf("after a restart: got life %s, want %s", again, second)
	}
	open("b", 0, 3)
	if unknown := open("", 0, 1); unknown == second {
		t.Errorf("where nothing tells lives of the machine apart: got life %s again", unknown)
	}
}

// Ensure that a queue whose files are lost under it drops what it cannot keep and counts it, and
// then begins anew: nothing that comes afterwards is taken for what was sent before.
func TestFilesGone(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"jetstream", "."} {
		t.Run(gone, func(t *testing.T) {
			t.Parallel()
			filesGone(t, gone)
		})
	}
}

func filesGone(t *testing.T, gone string) {
	t.Helper()
	s := newStation(t)
	s.start()
	const before = 50 // packs
	for n := range before {
		s.send(n, 1)
		s.eventually(func() bool { return s.shovel.Status(t.Context()).Queue.Next == uint64(n+2) })
	}
	s.inOrder(s.received(before), before)
	if err := os.RemoveAll(filepath.Join(s.cfg.Queue.Dir, gone)); err != nil {
		t.Fatal(err)
	}
	dropped := func() float64 { return s.counter("tallystick_shovel_dropped_total") }
	n := before
	for ; dropped() == 0; n++ { // until it needs another file
		s.sendLong(n)
	}
	s.eventually(func() bool {
		was := dropped()
		for range 2 { // what becomes of the first is counted before the second
			s.send(n, 1)
			n++
			s.eventually(func() bool { return s.counter("shoveler_packets_received") == float64(n) })
		}
		return s.shovel.Alive(t.Context()) == nil && dropped() == was
	})
	s.send(n, 1)
	ms := s.received(n + 1 - int(dropped()))
	if got := ms[len(ms)-1].number(); got != n {
		t.Errorf("the last that came is %d, want %d", got, n)
	}
	s.stop()
	if place, err := os.ReadFile(filepath.Join(s.cfg.Queue.Dir, "outputs", "hub")); err != nil || len(place) == 0 {
		t.Errorf("how far the output is: got %s, %v", place, err)
	}
}

// Ensure that a full queue drops what the policy says, that this is counted, and that what is left
// comes, in order: of the oldest, those that the output has read already come too.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	const count = 2 * shovel.RecentBytes / longSize // what is in memory is not lost
	f := func(full shovel.Policy, first, last bool) {
		t.Helper()
		s := newStation(t)
		s.cfg.Queue.MaxBytes, s.cfg.Queue.Full = 4<<20, full
		s.start()
		s.send(0, 1)
		s.received(1)
		s.broker.Down()
		for n := range count {
			s.sendLong(1 + n)
		}
		s.eventually(func() bool { return s.shovel.Status(t.Context()).Queue.Next == count+2 })
		s.broker.Up()
		s.eventually(func() bool { return s.shovel.Status(t.Context()).Outputs[0].Waiting == 0 || full == shovel.DropNewest })
		dropped, lost := s.counter("tallystick_shovel_dropped_total"), s.counter("tallystick_shovel_lost_total")
		ms := s.received(1 + count - int(dropped+lost))
		if first != (dropped > 0) || last != (lost > 0) {
			t.Errorf("%s: got %v dropped as they came, and %v lost by the output", full, dropped, lost)
		}
		holes := 0
		for i, m := range ms[1:] {
			switch was := ms[i].number(); {
			case m.number() <= was:
				t.Fatalf("%s: got datagram %d after %d", full, m.number(), was)
			case m.number() > was+1:
				holes++
			}
		}
		if got := ms[len(ms)-1].number(); last && (got != count || holes != 1) {
			t.Errorf("%s: got %d as the last one, and %d holes, want %d and 1", full, got, holes, count)
		}
	}
	f(shovel.DropOldest, false, true)
	f(shovel.DropNewest, true, false)
}
