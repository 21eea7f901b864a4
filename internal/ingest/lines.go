package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/lineproto"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// LineOptions are what a sender declares about its lines.
type LineOptions struct {
	Cluster   string // for lines without a cluster tag
	Precision string // as lineproto.ParsePrecision takes it; empty is auto
	Fields    Fields // empty: as configured
	// Within is which clusters a line may be of; nil: any.
	Within *auth.Bounds
	// Message is what a broker calls the body, which it may give out again: then that of it
	// is taken which was not before, and the rest is accepted and changes nothing.
	Message Message
}

// Lines takes line protocol, each line on its own. The time of a line without
// one is the present. body may be reused afterwards. What is accepted and
// rejected are samples, of which a line has several with AllFields; a line that
// is wrong as a whole is one.
//
// Where a line goes: "type=node", or no type, is the node itself. With an stype
// it is that device of the node, and the component it is under is node with the
// id "0", whatever type-id there is: a node has one node. For any other type, and
// for an stype, an id that is not told is "0". A type-id without a type, and an
// stype-id without an stype, are bad names: taking the line without them would
// put the samples of several things into one series. For the same reason the
// other tags of a line with AllFields are a level of their own, below those it has
// anyway: a component, or subcomponent, whose type are their keys and whose id are
// their values, sorted by key, with commas between. With one field they are
// skipped, as cc-metric-store does: there they say the unit.
func (i *Ingest) Lines(_ context.Context, body []byte, o LineOptions) Result {
	p, err := lineproto.ParsePrecision(o.Precision)
	if err != nil {
		i.counts.reject(kindLine, ReasonPrecision)
		return Result{Rejected: 1, Errors: []Reject{{Reason: ReasonPrecision, Text: err.Error()}}}
	}
	b := i.beginBatch(o)
	options := lineproto.Options{Precision: p, All: b.all, Known: b.known}
	for l, bad := range b.parser.Parse(body, options) {
		if bad != nil {
			b.reject(bad.Line, bad.Column, bad.Reason, bad.Text)
		} else {
			b.line(l)
		}
	}
	return b.end()
}

const (
	// maxPart is how many samples of a body are committed at once at most, and maxPartBytes
	// about how long their record is: bounds for the memory of a batch, and for how long
	// others wait. A message of a broker is one part.
	maxPart      = 1 << 15
	maxPartBytes = 4 << 20
)

// A batch is a body of lines on its way in: what of it is wrong is told, and what is not
// goes into the log and then to the store.
type batch struct {
	in      *Ingest
	now     int64
	window  window
	cluster string       // of lines without one
	scope   []byte       // what else than its key a line depends on: the cluster, and all
	all     bool         // AllFields
	within  *auth.Bounds // nil: any cluster
	message Message
	index   int // of the sample
	result  Result
	refused []Reject // by the store
	undone  indexes  // they, in the log's words
	later   bool     // some of them may be taken later
	tell    []byte   // what the log is told of them
	parser  lineproto.Parser
	known   func(line []byte) int // find, for lineproto

	hit     *known // of the key that find found
	last    *known // of the line before
	tags    *tags  // of the line before
	samples []store.Sample
	places  []place // of samples
	record  sampleEncoder
	name    []byte // of a metric, while it is looked up
}

// A place is where a sample came from.
type place struct{ index, line int }

// newBatch returns a batch with room for what a sender mostly sends at once.
func newBatch(i *Ingest) *batch {
	const samples = 2048
	b := &batch{in: i, samples: make([]store.Sample, 0, samples), places: make([]place, 0, samples)}
	b.record.buf = make([]byte, 0, 16*samples)
	b.known = b.find
	return b
}

// beginBatch returns a batch that has nothing.
func (i *Ingest) beginBatch(o LineOptions) *batch {
	b, ok := i.batches.Get().(*batch)
	if !ok {
		b = newBatch(i)
	}
	now := i.now()
	b.now, b.window, b.cluster = now.Unix(), i.window(now), cmp.Or(o.Cluster, i.cfg.Cluster)
	b.all = cmp.Or(o.Fields, i.cfg.Fields) == AllFields
	b.scope = append(append(append(b.scope[:0], cmp.Or(o.Fields, i.cfg.Fields)...), b.cluster...), 0) // no key has a zero
	b.within, b.message = o.Within, o.Message
	b.record.begin(b.message)
	return b
}

// end writes what is left, and returns what became of all of it. b is another's
// then.
func (b *batch) end() Result {
	b.commit()
	r := b.result
	b.in.counts.accept(kindLine, r.Accepted)
	b.result, b.index, b.hit, b.last, b.tags, b.within = Result{}, 0, nil, nil, nil, nil
	b.in.batches.Put(b)
	return r
}

// find returns how long the key of the line is, if it is known.
func (b *batch) find(line []byte) int {
	if b.hit != nil {
		b.last = b.hit
	}
	if b.hit = b.in.keys.find(line, b.scope, b.last); b.hit == nil {
		return 0
	}
	return b.hit.size()
}

// line takes the samples of a line.
func (b *batch) line(l *lineproto.Line) {
	t := b.now
	if l.HasTime {
		t = l.Time
		if reason, text := b.window.check(t); reason != "" {
			b.refuse(l, reason, text)
			return
		}
	}
	if l.Known {
		to := b.hit.target()
		b.tags = to.tags
		b.fields(l, &to, t)
		return
	}
	to, reason, err := b.resolve(l)
	if err != nil {
		b.refuse(l, reason, err.Error())
		return
	}
	b.tags = to.tags
	b.fields(l, to, t)
	if to.useful {
		b.hit = b.in.keys.put(l.Key, b.scope, to, b.now)
	}
}

// refuse refuses all samples of a line.
func (b *batch) refuse(l *lineproto.Line, reason, text string) {
	for range l.Fields {
		b.reject(l.Number, 0, reason, text)
	}
}

// fields adds the samples of a line.
func (b *batch) fields(l *lineproto.Line, to *target, t int64) {
	if cluster := to.tags.level.Path.Cluster; b.within != nil && !b.within.Cluster(cluster) {
		b.refuse(l, ReasonBound, "the sender may not send lines of cluster "+strconv.Quote(cluster))
		return
	}
	for _, f := range l.Fields {
		id, err := b.metric(to, f.Name, l.Known)
		if err != nil {
			b.reject(l.Number, 1, metricReason(err), err.Error())
			continue
		}
		if text := b.in.tooOld(b.now, to.tags.level.Path.Cluster, id, t); text != "" {
			b.reject(l.Number, 0, ReasonOld, text)
			continue
		}
		if (len(b.samples) >= maxPart || len(b.record.buf) >= maxPartBytes) && b.message == (Message{}) {
			b.commit()
		}
		b.record.sample(b.index, &to.tags.level, id, b.in.table, t, f.Value)
		b.samples = append(b.samples, store.Sample{To: &to.tags.level, Point: store.Point{Metric: id, Time: t, Value: f.Value}})
		b.places = append(b.places, place{b.index, l.Number})
		b.index++
	}
}

// metric returns the metric of a field: the measurement for a field that is
// called value, else measurement_field.
func (b *batch) metric(to *target, field []byte, shared bool) (metric.ID, error) {
	plain := string(field) == fieldValue
	if plain && to.has {
		return to.id, nil
	}
	b.name = append(b.name[:0], to.measurement...)
	if !plain {
		b.name = append(append(b.name, '_'), field...)
	}
	id, ok := b.in.table.Find(b.name)
	if !ok {
		var err error
		if id, err = b.in.table.Learn(string(b.name)); err != nil {
			return 0, fmt.Errorf("metric %s: %w", quote(b.name), err)
		}
	}
	if !shared { // else others read it
		to.useful = true
		if plain {
			to.id, to.has = id, true
			to.measurement = b.in.table.At(id).Name // the same, and it is there already
		}
	}
	return id, nil
}

func metricReason(err error) string {
	switch {
	case errors.Is(err, metric.ErrMany):
		return ReasonMany
	case errors.Is(err, metric.ErrName):
		return ReasonName
	}
	return ReasonMetric
}

// commit puts the samples into the log, and has them written.
func (b *batch) commit() {
	if len(b.samples) > 0 {
		if err := b.in.log.Commit(b); err != nil {
			reason, text := logReason(err)
			for _, p := range b.places {
				b.refuse1(p, reason, text)
			}
		}
	}
	b.result.merge(b.refused)
	clear(b.samples) // so that it holds no keys
	b.samples, b.places, b.refused = b.samples[:0], b.places[:0], b.refused[:0]
	b.undone, b.later = nil, false
	b.record.begin(b.message)
}

// Record implements wal.Entry.
func (b *batch) Record() []byte { return b.record.buf }

// Apply implements wal.Entry.
func (b *batch) Apply(at time.Time) []byte {
	b.in.begin(at)
	if left, again := b.in.messages.left(b.message); again {
		b.writeLeft(left)
	} else {
		b.write(0, len(b.samples))
	}
	b.in.messages.put(b.message, leftOf(b.undone, b.later))
	if b.undone == nil {
		return nil
	}
	b.tell = appendUndone(b.tell[:0], b.undone, b.later)
	return b.tell
}

// write writes the samples [from, to). One that the store refuses does not stop those
// after it.
func (b *batch) write(from, to int) {
	for from < to {
		n, err := b.in.store.WriteAll(b.samples[from:to])
		b.result.Accepted += n
		from += n
		if err != nil {
			b.undo(b.places[from], storeReason(err), err.Error())
			from++
		}
	}
}

// writeLeft writes what is left of a message.
func (b *batch) writeLeft(left indexes) {
	for n := range b.samples {
		if left.has(b.places[n].index) {
			b.write(n, n+1)
		} else {
			b.result.Accepted++
		}
	}
}

// undo refuses a sample that is in the log.
func (b *batch) undo(p place, reason, text string) {
	b.refuse1(p, reason, text)
	b.undone = b.undone.with(p.index)
	b.later = b.later || reason == ReasonFull
}

// refuse1 refuses a sample that was accepted before.
func (b *batch) refuse1(p place, reason, text string) {
	b.in.counts.reject(kindLine, reason)
	b.result.count(reason)
	if len(b.refused) < MaxErrors {
		b.refused = append(b.refused, Reject{Index: p.index, Line: p.line, Reason: reason, Text: text})
	}
}

// reject refuses a sample, or a line.
func (b *batch) reject(line, column int, reason, text string) {
	b.in.counts.reject(kindLine, reason)
	b.result.reject(Reject{Index: b.index, Line: line, Column: column, Reason: reason, Text: text})
	b.index++
}

// quote returns b for people, not too much of it.
func quote(b []byte) string {
	if len(b) > selector.MaxName {
		return strconv.Quote(string(b[:selector.MaxName])) + "…"
	}
	return strconv.Quote(string(b))
}
