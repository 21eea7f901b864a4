package shovel

import (
	"context"
	"sync"
	"time"

	"tallystick/internal/run"
)

const (
	// maxLoad bounds a load, in bytes of data and what holds them: a tenth of a second at 30,000
	// datagrams a second. What comes beyond that waits in the kernel.
	maxLoad = 2 << 20
	// holding is what holds one datagram of a load, in bytes, at most.
	holding = 128
	// gatherTime is how long more is waited for: a pack costs about as much as 30 datagrams.
	gatherTime = 5 * time.Millisecond
)

// An intake has what was received until it is in the queue. While the queue takes one load, the
// next one gathers: the longer the disk or a processor is waited for, the more is done at once.
type intake struct {
	put func(ctx context.Context, pack []Datagram)

	mu   sync.Mutex
	load load          // it gathers
	room *sync.Cond    // of mu: another load has begun
	came chan struct{} // the load is not empty; room for one
}

// A load is datagrams on their way into the queue.
type load struct {
	datagrams []Datagram
	data      []byte // of all of them
}

func newIntake(put func(ctx context.Context, pack []Datagram)) *intake {
	in := &intake{put: put, came: make(chan struct{}, 1)}
	in.room = sync.NewCond(&in.mu)
	return in
}

// take takes a datagram, of whose data it makes a copy. It waits while there is no room.
func (in *intake) take(d Datagram) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.load.datagrams) > 0 && in.load.size()+len(d.Data) > maxLoad {
		in.room.Wait()
	}
	in.load.add(d)
	select {
	case in.came <- struct{}{}:
	default: // that is known
	}
}

// Run puts into the queue what comes, until ctx ends and nothing is left.
func (in *intake) Run(ctx context.Context) error {
	var spare load
	for {
		select {
		case <-in.came:
			run.Wait(ctx, gatherTime)
			spare = in.store(context.WithoutCancel(ctx), spare)
		case <-ctx.Done(): // who feeds it has ended
			in.store(context.WithoutCancel(ctx), spare)
			return nil
		}
	}
}

// store puts the load into the queue while the next one gathers, in what is spare. It returns
// what is spare then.
func (in *intake) store(ctx context.Context, spare load) load {
	in.mu.Lock()
	full := in.load
	in.load = spare
	in.mu.Unlock()
	in.room.Broadcast()
	for pack := range packs(full.datagrams) {
		in.put(ctx, pack)
	}
	clear(full.datagrams)
	return load{full.datagrams[:0], full.data[:0]}
}

// size is what bounds it.
func (l *load) size() int { return len(l.data) + holding*len(l.datagrams) }

func (l *load) add(d Datagram) {
	at := len(l.data)
	l.data = append(l.data, d.Data...) // those before may stay where they were
	d.Data = l.data[at:len(l.data):len(l.data)]
	l.datagrams = append(l.datagrams, d)
}

// packs cuts datagrams into what may be one pack.
func packs(ds []Datagram) func(yield func([]Datagram) bool) {
	return func(yield func([]Datagram) bool) {
		for len(ds) > 0 {
			n, size := 1, len(ds[0].Data)
			for n < len(ds) && size+len(ds[n].Data) <= maxPack {
				size += len(ds[n].Data)
				n++
			}
			if !yield(ds[:n]) {
				return
			}
			ds = ds[n:]
		}
	}
}
