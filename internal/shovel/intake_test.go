package shovel_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"tallystick/internal/shovel"
)

// A slowQueue takes a pack whenever it is told to.
type slowQueue struct {
	next  chan struct{}
	packs [][]byte // the first byte of each datagram
}

func (q *slowQueue) put(_ context.Context, pack []shovel.Datagram) {
	<-q.next
	var firsts []byte
	for i := range pack {
		firsts = append(firsts, pack[i].Data[0])
	}
	q.packs = append(q.packs, firsts)
}

// intaking runs f with an intake at work, and ends it.
func intaking(t *testing.T, f func(in *shovel.Intake, q *slowQueue)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := &slowQueue{next: make(chan struct{})}
		in := shovel.NewIntake(q.put)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- in.Run(ctx) }()
		f(in, q)
		stop()
		synctest.Wait()
		close(q.next)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Ensure that all that comes while the queue is busy goes into it at once, in order, and that what
// was received is the sender's to change. What is there in the end is put into the queue too.
func TestIntakeGathers(t *testing.T) {
	var q *slowQueue
	intaking(t, func(in *shovel.Intake, slow *slowQueue) {
		q = slow
		data := []byte{0}
		in.Take(shovel.Datagram{Data: data})
		slow.next <- struct{}{} // it is in the queue
		for i := range byte(3) {
			data[0] = i + 1
			in.Take(shovel.Datagram{Data: data})
		}
	})
	if len(q.packs) != 2 || string(q.packs[0]) != "\x00" || string(q.packs[1]) != "\x01\x02\x03" {
		t.Errorf("got packs %v, want the first alone, and the others together", q.packs)
	}
}

// Ensure that a queue which takes nothing for long costs no more memory than it may: who receives
// waits then, and goes on when there is room.
func TestIntakeIsBounded(t *testing.T) {
	const size = 60_000
	var taken atomic.Int64
	var q *slowQueue
	intaking(t, func(in *shovel.Intake, slow *slowQueue) {
		q = slow
		all := make(chan struct{})
		go func() {
			defer close(all)
			for range 4 * shovel.MaxLoad / size {
				in.Take(shovel.Datagram{Data: make([]byte, size)})
				taken.Add(1)
			}
		}()
		synctest.Wait()
		if got := taken.Load() * size; got > 2*shovel.MaxLoad || got < shovel.MaxLoad/2 {
			t.Errorf("got %d bytes taken while the queue is busy, want up to two loads of %d", got, shovel.MaxLoad)
		}
		for {
			select {
			case slow.next <- struct{}{}:
				continue
			case <-all:
			}
			break
		}
	})
	n := 0
	for _, p := range q.packs {
		if n += len(p); len(p)*size > shovel.MaxPack {
			t.Errorf("got a pack of %d bytes, want at most %d", len(p)*size, shovel.MaxPack)
		}
	}
	if int64(n) != taken.Load() {
		t.Errorf("got %d datagrams in the queue, want %d", n, taken.Load())
	}
}

// Ensure that packs are there until there is no room, and that it is told which ones will come.
func TestRecent(t *testing.T) {
	r := shovel.NewRecent(6)
	if p, came := r.Get(6); p != nil || came != nil {
		t.Error("a pack from before: it is there, or to come")
	}
	_, came := r.Get(7)
	if came == nil {
		t.Fatal("the next one will not come")
	}
	r.Add(7, []byte("seven"))
	select {
	case <-came:
	default:
		t.Error("who waits is not told that one came")
	}
	if p, _ := r.Get(7); string(p) != "seven" {
		t.Errorf("got %q, want seven", p)
	}
	const size = 1 << 20
	for seq := range uint64(20) {
		r.Add(8+seq, make([]byte, size))
	}
	n := 0
	for seq := range uint64(28) {
		if p, _ := r.Get(seq); p != nil {
			n += len(p)
		}
	}
	if n > shovel.RecentBytes || n < shovel.RecentBytes-size {
		t.Errorf("got %d bytes in memory, want as much of %d as there is room for", n, shovel.RecentBytes)
	}
	r.Forget(25)
	if p, came := r.Get(25); p != nil || came != nil {
		t.Error("25 is there or to come, though all have sent it")
	}
	if p, _ := r.Get(26); len(p) != size {
		t.Error("26 is not there, though it is to be sent")
	}
	r.Add(40, []byte("forty")) // what was in between is not known
	if p, _ := r.Get(27); p != nil {
		t.Error("27 is there, and those behind it are not")
	}
	if p, _ := r.Get(40); string(p) != "forty" {
		t.Errorf("got %q, want forty", p)
	}
}
