package ingest

import (
	"context"
	"errors"
	"strconv"

	"tallystick/internal/lineproto"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// LineOptions are what a sender declares about its lines.
type LineOptions struct {
	Cluster   string // for lines without a cluster tag
	Precision string // s, ms, us, ns or auto (the default)
}

// Lines takes line protocol, each line on its own. The time of a line without
// one is the present. body may be reused afterwards.
//
// Where a line goes: "type=node", or no type, is the node itself. With an stype
// it is that device of the node, and the component it is under is node with the
// id "0", whatever type-id there is: a node has one node. For any other type, and
// for an stype, an id that is not told is "0". A type-id without a type, and an
// stype-id without an stype, are bad names: taking the line without them would
// put the samples of several things into one series.
func (i *Ingest) Lines(_ context.Context, body []byte, o LineOptions) Result {
	p, err := lineproto.ParsePrecision(o.Precision)
	if err != nil {
		i.counts.reject(kindLine, ReasonPrecision)
		return Result{Rejected: 1, Errors: []Reject{{Reason: ReasonPrecision, Text: err.Error()}}}
	}
	i.gate.RLock()
	defer i.gate.RUnlock()
	now := i.now()
	b := batch{in: i, now: now.Unix(), window: i.window(now), cluster: o.Cluster}
	if b.cluster == "" {
		b.cluster = i.cfg.Cluster
	}
	for l, bad := range lineproto.Parse(body, p) {
		if bad != nil {
			b.reject(bad.Line, bad.Column, bad.Reason, bad.Text)
		} else {
			b.line(l)
		}
		b.index++
	}
	b.flush()
	i.counts.accept(kindLine, b.result.Accepted)
	return b.result
}

// maxRun is how many points are written at once at most: a bound for the memory
// of a batch, and for how long a node is locked.
const maxRun = 512

// A batch is a body of lines on its way in. Consecutive lines of one place are
// written together.
type batch struct {
	in      *Ingest
	now     int64
	window  window
	cluster string // of lines without one
	index   int    // of the line
	result  Result

	tags   tags          // of the lines in points
	path   selector.Path // that tags lead to
	points []store.Point
	places []place // of points
}

// A place is where a point came from.
type place struct{ index, line int }

func (b *batch) line(l *lineproto.Line) {
	id, ok := b.in.table.Lookup(string(l.Metric))
	if !ok {
		b.reject(l.Number, 1, ReasonMetric, "metric "+quote(l.Metric)+" is unknown")
		return
	}
	t := b.now
	if l.HasTime {
		t = l.Time
		if reason, text := b.window.check(t); reason != "" {
			b.reject(l.Number, 0, reason, text)
			return
		}
	}
	if !b.tags.same(l) {
		b.flush()
		if reason, err := b.move(l); err != nil {
			b.tags = tags{}
			b.reject(l.Number, 0, reason, err.Error())
			return
		}
	}
	b.add(l, id, t)
}

func (b *batch) add(l *lineproto.Line, id metric.ID, t int64) {
	if len(b.points) == maxRun {
		b.flush()
	}
	b.points = append(b.points, store.Point{Metric: id, Time: t, Value: l.Value})
	b.places = append(b.places, place{b.index, l.Number})
}

// flush writes the points. A point that the store refuses does not stop those
// after it.
func (b *batch) flush() {
	points, places := b.points, b.places
	b.points, b.places = points[:0], places[:0]
	for len(points) > 0 {
		n, err := b.in.store.Write(b.path, points...)
		b.result.Accepted += n
		if err == nil {
			return
		}
		b.tell(places[n].index, Reject{Line: places[n].line, Reason: storeReason(err), Text: err.Error()})
		points, places = points[n+1:], places[n+1:]
	}
}

// reject refuses the line. The lines before it are written first, so that rejects
// are told in the order of the lines.
func (b *batch) reject(line, column int, reason, text string) {
	b.flush()
	b.tell(b.index, Reject{Line: line, Column: column, Reason: reason, Text: text})
}

func (b *batch) tell(index int, r Reject) {
	r.Index = index
	b.in.counts.reject(kindLine, r.Reason)
	b.result.reject(r)
}

var (
	errNoCluster = errors.New("no tag cluster, and no default")
	errNoHost    = errors.New("no tag hostname or host")
	errNoType    = errors.New("tag type-id without type")
	errNoSType   = errors.New("tag stype-id without stype")
)

// move makes the path that of l.
func (b *batch) move(l *lineproto.Line) (reason string, err error) {
	b.tags.set(l)
	t := &b.tags
	b.path = selector.Path{Cluster: t.cluster, Node: t.host}
	if t.cluster == "" {
		b.path.Cluster = b.cluster
	}
	switch {
	case b.path.Cluster == "":
		return ReasonCluster, errNoCluster
	case t.host == "":
		return ReasonHost, errNoHost
	case t.typ == "" && t.typeID != "":
		return ReasonName, errNoType
	case t.stype == "" && t.stypeID != "":
		return ReasonName, errNoSType
	}
	b.path.Component, b.path.Sub = t.parts()
	return ReasonName, b.path.Check()
}

// quote returns b for people, not too much of it.
func quote(b []byte) string {
	if len(b) > selector.MaxName {
		return strconv.Quote(string(b[:selector.MaxName])) + "…"
	}
	return strconv.Quote(string(b))
}
