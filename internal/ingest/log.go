package ingest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/wal"
)

// A Log keeps what was accepted, and has it applied: wal.Log.
type Log interface {
	Commit(e wal.Entry) error
	Turn(f func(at time.Time))
}

// unlogged is a Log that keeps nothing.
type unlogged struct {
	now func() time.Time

	mu sync.Mutex
	at time.Time
}

// Commit implements Log.
func (u *unlogged) Commit(e wal.Entry) error {
	u.Turn(e.Apply)
	return nil
}

// Turn implements Log.
func (u *unlogged) Turn(f func(at time.Time)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := u.now(); now.After(u.at) {
		u.at = now
	}
	f(u.at)
}

// begin is called before anything is applied that has the time at: what waits in the
// collector is completed up to the last whole second before, second by second, whether
// anybody called Step in each or not. So what is between two packets depends on nothing
// but their times, and a replay of the log does the same.
func (i *Ingest) begin(at time.Time) {
	i.at, i.restoring = at, false
	second := at.Unix()
	if second <= i.second {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	first := max(i.second+1, second-maxGap)
	if i.second == 0 {
		first = second // the first of all
	}
	for s := first; s <= second; s++ {
		i.collector.Advance(time.Unix(s, 0))
	}
	i.second = second
}

// maxGap is how many seconds without anything are gone through one by one at most, 30
// days: what waits in a collector waits for less, and the clock may be set.
const maxGap = 30 * 24 * 3600

// logReason returns the reason and the text of what the log did not take.
func logReason(err error) (reason, text string) {
	if errors.Is(err, wal.ErrTooLong) {
		return ReasonOther, err.Error()
	}
	return ReasonLog, err.Error()
}

// Replay applies a record of the log again, as it was applied when it came. It is for
// the start, when the parts have what they had before the record. What cannot be used of
// it is the error; the rest is used.
func (i *Ingest) Replay(at time.Time, record []byte) error {
	r := recordReader{rest: record}
	kind, err := r.head()
	if err != nil {
		return err
	}
	i.begin(at)
	i.counts.replayed.Inc()
	switch kind {
	case samplesRecord:
		return i.replaySamples(&r)
	case packetsRecord:
		return r.packets(func(p collect.Packet) { _ = i.packet(at, p) }) // it was refused then too, and counted
	case claimsRecord:
		cs, err := r.claims()
		for _, c := range cs {
			_, _ = i.putClaim(c) // a conflict was one then too, and told
		}
		return err
	case freeRecord:
		paths, before, err := r.free()
		i.free(paths, before)
		return err
	}
	return fmt.Errorf("record of the log is of kind %d, which there is not", kind)
}

func (i *Ingest) replaySamples(r *recordReader) error {
	message := string(r.text())
	if i.messages.has(message) {
		return r.err
	}
	p := replaying{in: i}
	err := r.samples(&p)
	p.flush()
	if err == nil && !p.full {
		i.messages.add(message)
	}
	return errors.Join(err, p.err)
}

// A replaying takes the samples of a record to the store.
type replaying struct {
	in     *Ingest
	path   selector.Path
	ids    []metric.ID
	known  []bool // whether there is such a metric
	points []store.Point
	full   bool  // the store was, for some
	err    error // the first
}

func (p *replaying) place(path selector.Path) {
	p.flush()
	p.path = path
}

func (p *replaying) metric(name []byte) {
	id, ok := p.in.table.Find(name)
	if !ok {
		var err error
		id, err = p.in.table.Learn(string(name))
		if ok = err == nil; !ok {
			p.fail(fmt.Errorf("metric %s: %w", quote(name), err))
		}
	}
	p.ids, p.known = append(p.ids, id), append(p.known, ok)
}

func (p *replaying) sample(number int, t int64, v float64) {
	if !p.known[number] {
		return
	}
	if p.points = append(p.points, store.Point{Metric: p.ids[number], Time: t, Value: v}); len(p.points) == maxRun {
		p.flush()
	}
}

func (p *replaying) flush() {
	for points := p.points; len(points) > 0; {
		n, err := p.in.store.Write(p.path, points...)
		if err == nil {
			break
		}
		p.full = p.full || errors.Is(err, store.ErrFull)
		if !errors.Is(err, store.ErrNotFinite) { // which it was then too, and told
			p.fail(err)
		}
		points = points[n+1:]
	}
	p.points = p.points[:0]
}

func (p *replaying) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}
