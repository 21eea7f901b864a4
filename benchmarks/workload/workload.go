// Package workload makes up what monitoring sends: samples of many series, of several
// shapes, which depend on a Config alone.
//
// What a series has in a slot is a function of the two, so whoever has sent some of it
// knows what a store must answer, without having kept it. A value is written with the
// digits that it has, and what is expected is what these digits say: Value is what
// strconv.ParseFloat makes of AppendValue.
package workload

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Cluster is the cluster of all series.
const Cluster = "bench"

// A Config says what there is.
type Config struct {
	Shape string // one of Shapes
	Nodes int
	Parts int   // parts of each node (hardware threads, clients, jobs at once); 0: as many as the shape has
	Slots int   // steps from the first sample to the last
	Begin int64 // Unix second of slot 0, a multiple of the shape's step
	Seed  uint64
}

// A Workload is the samples of a Config. It does not change, and may be used at once.
type Workload struct {
	Config

	shape
	parts int // of each node, of the whole time
}

// A Series is one metric at one level.
type Series struct {
	Measurement string
	Field       string // of the line; ValueField where it has only one
	Node        string
	Type        string // NodeType, or what its parts are
	ID          string // of the part; empty for the node
}

// ValueField is the field of lines that have one sample, NodeType the type of series of a node itself.
const (
	ValueField = "value"
	NodeType   = "node"
)

// Metric is the name under which a store without fields knows it: measurement_field, and
// the measurement if the field is ValueField.
func (s Series) Metric() string {
	if s.Field == ValueField {
		return s.Measurement
	}
	return s.Measurement + "_" + s.Field
}

// A Ref is a sample: a series in [0, Series()), and a slot in [0, Slots).
type Ref struct{ Series, Slot int }

// New returns the workload of c.
func New(c Config) (*Workload, error) {
	s, ok := shapes()[c.Shape]
	switch {
	case !ok:
		return nil, fmt.Errorf("shape %q is none of %s", c.Shape, strings.Join(Shapes(), ", "))
	case c.Nodes < 1 || c.Slots < 1 || c.Parts < 0:
		return nil, fmt.Errorf("%d nodes, %d parts and %d slots are too few", c.Nodes, c.Parts, c.Slots)
	case c.Begin%s.step != 0:
		return nil, fmt.Errorf("begin %d is no multiple of %d", c.Begin, s.step)
	}
	if c.Parts == 0 {
		c.Parts = s.parts
	}
	w := &Workload{Config: c, shape: s, parts: c.Parts}
	if s.life > 0 {
		w.parts *= (c.Slots + s.life - 1) / s.life
	}
	return w, nil
}

// Step is the seconds from a slot to the next.
func (w *Workload) Step() int64 { return w.step }

// End is the Unix second behind the last slot.
func (w *Workload) End() int64 { return w.Begin + int64(w.Slots)*w.step }

// Series is how many series there are.
func (w *Workload) Series() int { return w.Nodes * w.PerNode() }

// PerNode is how many series each node has: those of the node itself, then those of its parts.
func (w *Workload) PerNode() int { return len(w.node) + w.parts*len(w.part) }

// AtOnce is how many samples a node has in a slot, in the mean, and one at least.
func (w *Workload) AtOnce() int {
	return max(1, (len(w.node)+w.Parts*len(w.part))/max(1, w.oneIn))
}

// Samples counts the samples.
func (w *Workload) Samples() (n int) {
	if w.oneIn <= 1 {
		return w.Nodes * w.AtOnce() * w.Slots // each slot has as many parts
	}
	for s := range w.Series() {
		for slot := range w.Slots {
			if w.has(s, slot) {
				n++
			}
		}
	}
	return n
}

// column returns the node, the part and the metric of a series; the part is -1 for the node itself.
func (w *Workload) column(series int) (node, part int, c *column) {
	node, k := series/w.PerNode(), series%w.PerNode()
	if k < len(w.node) {
		return node, -1, &w.node[k]
	}
	k -= len(w.node)
	return node, k / len(w.part), &w.part[k%len(w.part)]
}

// At returns what a series is called.
func (w *Workload) At(series int) Series {
	node, part, c := w.column(series)
	s := Series{Measurement: c.measurement, Field: c.field, Node: string(appendNode(nil, node)), Type: NodeType}
	if part >= 0 {
		s.Type, s.ID = w.kind, string(w.appendID(nil, node, part))
	}
	return s
}

// Columns returns the metrics of a node and those of each of its parts, by one series of each.
func (w *Workload) Columns() (node, part []Series) {
	for i := range w.node {
		node = append(node, w.At(i))
	}
	for i := range w.part {
		part = append(part, w.At(len(w.node)+i))
	}
	return node, part
}

// NodeSeries returns the series of the i-th metric of a node itself.
func (w *Workload) NodeSeries(node, i int) int { return node*w.PerNode() + i }

// PartSeries returns the series of the i-th metric of a part of a node, of which Parts
// says how many there are.
func (w *Workload) PartSeries(node, part, i int) int {
	return node*w.PerNode() + len(w.node) + part*len(w.part) + i
}

// AllParts is how many parts a node has had in the end.
func (w *Workload) AllParts() int { return w.parts }

// Has reports whether there is a sample.
func (w *Workload) Has(r Ref) bool { return w.has(r.Series, r.Slot) }

func (w *Workload) has(series, slot int) bool {
	if w.life > 0 {
		if _, part, _ := w.column(series); part >= 0 && part/w.Parts != slot/w.life {
			return false
		}
	}
	return w.oneIn <= 1 || w.noise(series, -1-slot)%uint64(w.oneIn) == 0
}

// Value returns the sample's value.
func (w *Workload) Value(r Ref) float64 {
	_, _, c := w.column(r.Series)
	return c.number(w, r).float()
}

// AppendValue appends the sample's value as it is sent.
func (w *Workload) AppendValue(dst []byte, r Ref) []byte {
	_, _, c := w.column(r.Series)
	return c.number(w, r).append(dst)
}

// Time returns the Unix second of a slot.
func (w *Workload) Time(slot int) int64 { return w.Begin + int64(slot)*w.step }

// Batches yields the samples as a sender sends them, size at once: slot by slot, in
// these node by node. Of several senders each has its nodes. The slice is used again.
func (w *Workload) Batches(sender, senders, size int) iter.Seq[[]Ref] {
	return func(yield func([]Ref) bool) {
		batch := make([]Ref, 0, size)
		for r := range w.sent(sender, senders) {
			if batch = append(batch, r); len(batch) < size {
				continue
			}
			if !yield(batch) {
				return
			}
			batch = batch[:0]
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// sent yields what a sender sends.
func (w *Workload) sent(sender, senders int) iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		for slot := range w.Slots {
			for node := sender; node < w.Nodes; node += senders {
				for series := node * w.PerNode(); series < (node+1)*w.PerNode(); series++ {
					if w.has(series, slot) && !yield(Ref{series, slot}) {
						return
					}
				}
			}
		}
	}
}

// AppendLines appends the samples in the InfluxDB line protocol, times in seconds.
// Samples of one line must follow each other.
func (w *Workload) AppendLines(dst []byte, batch []Ref) []byte {
	for i, r := range batch {
		node, part, c := w.column(r.Series)
		if i > 0 && w.sameLine(batch[i-1], r) {
			dst = append(dst, ',')
		} else {
			if i > 0 {
				dst = w.endLine(dst, batch[i-1])
			}
			dst = w.appendKey(dst, node, part, c)
		}
		dst = append(append(dst, c.field...), '=')
		dst = c.number(w, r).append(dst)
	}
	return w.endLine(dst, batch[len(batch)-1])
}

func (w *Workload) sameLine(a, b Ref) bool {
	nodeA, partA, ca := w.column(a.Series)
	nodeB, partB, cb := w.column(b.Series)
	return a.Slot == b.Slot && nodeA == nodeB && partA == partB && ca.measurement == cb.measurement
}

func (w *Workload) appendKey(dst []byte, node, part int, c *column) []byte {
	dst = append(dst, c.measurement...)
	dst = append(dst, ",cluster="+Cluster+",hostname="...)
	dst = appendNode(dst, node)
	dst = append(dst, ",type="...)
	if part < 0 {
		return append(dst, NodeType+" "...)
	}
	dst = append(append(dst, w.kind...), ",type-id="...)
	return append(w.appendID(dst, node, part), ' ')
}

func (w *Workload) endLine(dst []byte, r Ref) []byte {
	return append(strconv.AppendInt(append(dst, ' '), w.Time(r.Slot), 10), '\n')
}

// appendNode appends a node's name; with a thousand of them all are as long.
func appendNode(dst []byte, node int) []byte { return fmt.Appendf(dst, "node%04d", node) }
