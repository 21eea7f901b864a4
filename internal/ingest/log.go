package ingest

import (
	"errors"
	"fmt"
	"slices"
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
	u.Turn(func(at time.Time) { e.Apply(at) })
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
	defer i.ledger.Settle()
	second := at.Unix()
	if i.second > second+maxAhead {
		i.second = second // it was a clock that was wrong
	}
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
		i.ledger.Settle()
		i.collector.Advance(time.Unix(s, 0))
	}
	i.second = second
}

// maxAhead is by how many seconds a clock may be put back without any of them being gone
// through again.
const maxAhead = 3600

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

// Replay applies a record of the log again, as it was applied when it came, without what
// was refused then. It is for the start, when the parts have what they had before the
// record. What cannot be used of it is the error; the rest is used.
func (i *Ingest) Replay(record wal.Record) error {
	r, at := recordReader{rest: record.Payload}, record.At
	kind, err := r.head()
	if err != nil {
		return err
	}
	i.begin(at)
	i.counts.replayed.Inc()
	switch kind {
	case samplesRecord:
		return i.replaySamples(&r, record.Undone)
	case packetsRecord, arrivedRecord:
		return r.packets(kind, func(p collect.Packet) { _ = i.packet(at, p) }) // it was refused then too, and counted
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

func (i *Ingest) replaySamples(r *recordReader, undone []byte) error {
	message := Message{string(r.text()), r.uvarint()}
	p := replaying{in: i}
	var err error
	if p.undone, p.later, err = readUndone(undone); err != nil {
		return err
	}
	p.left, p.again = i.messages.left(message)
	p.skip = slices.Clone(p.undone)
	err = r.samples(&p)
	p.flush()
	if err == nil {
		i.messages.put(message, leftOf(p.undone, p.later))
	}
	return errors.Join(err, p.err)
}

// What was not applied of a record of samples is told by a byte, 1 if some of it may be
// taken later, and the indexes.
func appendUndone(b []byte, undone indexes, later bool) []byte {
	flag := byte(0)
	if later {
		flag = 1
	}
	return undone.append(append(b, flag))
}

func readUndone(b []byte) (undone indexes, later bool, err error) {
	if len(b) == 0 {
		return nil, false, nil
	}
	r := recordReader{rest: b}
	later = r.byte() == 1
	undone = r.indexes()
	return undone, later, r.err
}

// leftOf returns what of a message may be taken when it comes again.
func leftOf(undone indexes, later bool) indexes {
	if !later {
		return nil
	}
	return undone
}

// maxReplayed is how many samples of a level are written at once at most.
const maxReplayed = 512

// A replaying takes the samples of a record to the store.
type replaying struct {
	in     *Ingest
	path   selector.Path
	ids    []metric.ID
	known  []bool // whether there is such a metric
	points []store.Point
	places []int   // indexes of points
	skip   indexes // what was refused then
	left   indexes // what was left of the message, if it came again
	again  bool
	undone indexes // what is refused then or now
	later  bool    // some of that may be taken later
	err    error   // the first
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

func (p *replaying) sample(index, number int, t int64, v float64) {
	if !p.known[number] || p.skip.has(index) || p.again && !p.left.has(index) {
		return
	}
	p.places = append(p.places, index)
	if p.points = append(p.points, store.Point{Metric: p.ids[number], Time: t, Value: v}); len(p.points) == maxReplayed {
		p.flush()
	}
}

func (p *replaying) flush() {
	for from := 0; from < len(p.points); {
		n, err := p.in.store.Write(p.path, p.points[from:]...)
		if err == nil {
			break
		}
		from += n
		p.fail(err)
		p.undone = p.undone.with(p.places[from])
		p.later = p.later || errors.Is(err, store.ErrFull)
		from++
	}
	p.points, p.places = p.points[:0], p.places[:0]
}

func (p *replaying) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}
