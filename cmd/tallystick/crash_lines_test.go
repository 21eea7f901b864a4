//go:build e2e

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// cells writes samples, each into a slot of its own, with a value that is its own too: any
// 64 bits that are a number.
type cells struct {
	tally

	r       *rand.Rand
	begin   int64
	layout  layout
	batches []batch
	asked   int // batches before it have been asked for
	next    int // cell
}

// A batch is some cells that were sent at once.
type batch struct {
	first, n int
	state    state
}

// A layout says where cells are.
type layout struct {
	series, slots, stride, most int // series; slots of each; how far apart cells are; lines of a batch
}

// inOrder fills slots one after the other.
func inOrder() layout { return layout{series: 256, slots: 100_000, stride: 1, most: 2000} }

// scattered goes to blocks of 512 slots here and there, so that what is late comes into
// blocks that are in a checkpoint already.
func scattered() layout { return layout{series: 16, slots: 102_400, stride: 20_011, most: 50} }

func newCells(name string, begin int64, l layout, r *rand.Rand) *cells {
	return &cells{tally: tally{name: name, unit: "samples"}, r: r, begin: begin, layout: l}
}

func (c *cells) row() *tally { return &c.tally }

func (c *cells) slot(cell int) int64 {
	return c.begin + int64(cell/c.layout.series*c.layout.stride%c.layout.slots)
}

func (c *cells) place(cell int) place {
	series := cell % c.layout.series
	return place{"crash_last", "n" + strconv.Itoa(series/8), strconv.Itoa(series % 8)}
}

func (*cells) value(cell int) float64 {
	r := rand.New(rand.NewPCG(uint64(cell), 3))
	for {
		if v := math.Float64frombits(r.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
}

// size is how many lines a batch has: few, some, or many.
func size(r *rand.Rand, most int) int {
	return 1 + r.IntN([]int{min(10, most), min(200, most), most}[r.IntN(3)])
}

func (c *cells) write(ctx context.Context, s *sender) bool {
	b := batch{first: c.next, n: size(c.r, c.layout.most)}
	if (b.first+b.n)/c.layout.series >= c.layout.slots {
		return false // there are no more
	}
	c.next += b.n
	var body bytes.Buffer
	for cell := b.first; cell < b.first+b.n; cell++ {
		at := c.place(cell)
		fmt.Fprintf(&body, "%s,cluster=%s,hostname=%s,type=c,type-id=%s value=%s %d\n", at.metric, c.name, at.node, at.component,
			strconv.FormatFloat(c.value(cell), 'g', -1, 64), c.slot(cell))
	}
	b.state = s.post(ctx, "/api/v1/write", body.Bytes(), c.r.IntN(3) == 0)
	c.batches = append(c.batches, b)
	c.sent(b.state, b.n)
	pause(ctx, rand.N(maxPause))
	return b.state == acknowledged
}

func (c *cells) verify(a *asker, all bool) {
	a.t.Helper()
	from, to, batches := c.begin, c.begin+int64(c.layout.slots), c.batches
	if c.layout.stride == 1 {
		if !all && c.asked < len(batches) { // what is new, and something of what was before it
			batches = batches[max(0, c.asked-a.r.IntN(100)):]
			from = c.slot(batches[0].first)
		}
		to = c.slot(c.next) + 1
	}
	got := a.ask(c.name, true, from, to)
	for i := range batches {
		c.check(a, got, &batches[i])
	}
	c.asked = len(c.batches)
}

// check looks for a batch, which is there as a whole or not at all.
func (c *cells) check(a *asker, got map[place]*series, b *batch) {
	a.t.Helper()
	n := 0
	for cell := b.first; cell < b.first+b.n; cell++ {
		v, ok := got[c.place(cell)].at(c.slot(cell))
		if !ok {
			continue
		}
		n++
		if want := c.value(cell); math.Float64bits(v) != math.Float64bits(want) {
			a.wrong(&c.wrong, 1, "%v at %d: got %x, want %x", c.place(cell), c.slot(cell), v, want)
		}
	}
	switch {
	case b.state == acknowledged && n < b.n:
		a.wrong(&c.lost, b.n-n, "of the batch of %d cells from %d on, which was acknowledged, %d are there", b.n, b.first, n)
	case b.state == refused && n > 0:
		a.wrong(&c.wrong, n, "of the batch of %d cells from %d on, which was refused, %d are there", b.n, b.first, n)
	case b.state == unknown && n > 0 && n < b.n:
		a.wrong(&c.wrong, n, "the batch of %d cells from %d on, which was under way, is there in part: %d", b.n, b.first, n)
	case b.state == unknown && n > 0:
		c.there += n
		b.state = acknowledged
	case b.state == unknown:
		b.state = refused
	}
}

// rewrite writes the same slots again and again: the last one is what counts.
type rewrite struct {
	tally

	r    *rand.Rand
	at   int64
	last int // the newest value that is known to be there
	next int // the one that may be
}

const rewritten = 16 // series

func newRewrite(at int64, r *rand.Rand) *rewrite {
	return &rewrite{tally: tally{name: "rewrite", unit: "batches"}, r: r, at: at}
}

func (w *rewrite) row() *tally { return &w.tally }

func (w *rewrite) write(ctx context.Context, s *sender) bool {
	w.next = w.last + 1
	var body bytes.Buffer
	for i := range rewritten {
		fmt.Fprintf(&body, "crash_last,cluster=rewrite,hostname=h%d value=%d %d\n", i, w.next, w.at)
	}
	got := s.post(ctx, "/api/v1/write", body.Bytes(), false)
	w.sent(got, 1)
	if got == acknowledged {
		w.last = w.next
	}
	pause(ctx, rand.N(maxPause))
	return got == acknowledged
}

func (w *rewrite) verify(a *asker, _ bool) {
	a.t.Helper()
	got := a.ask("rewrite", false, w.at, w.at+1)
	first, _ := got[place{"crash_last", "h0", ""}].at(w.at)
	for i := range rewritten {
		v, _ := got[place{"crash_last", "h" + strconv.Itoa(i), ""}].at(w.at)
		if v != first || v != float64(w.last) && v != float64(w.next) {
			a.wrong(&w.lost, 1, "h%d has %v and h0 %v, want both %d or both %d", i, v, first, w.last, w.next)
		}
	}
	if first == float64(w.next) && w.next > w.last {
		w.there++
	}
	w.last, w.next = int(first), int(first)
}

// sums writes counts that add up in few slots. It has them to itself, so that what was
// under way can be told from what was not.
type sums struct {
	tally

	r       *rand.Rand
	cluster string
	begin   int64
	want    map[int]int64 // by cell
	open    map[int]int64 // of the batch that was under way
	perhaps bool          // whether it may be there
}

const (
	sumSeries = 8
	sumSlots  = 60
	sumStride = 397 // slots: nearly every one has a block to itself
)

func newSums(name string, begin int64, r *rand.Rand) *sums {
	return &sums{tally: tally{name: name, unit: "samples"}, r: r, cluster: name, begin: begin, want: make(map[int]int64)}
}

func (s *sums) row() *tally { return &s.tally }

// lines returns the lines of a batch, and what it adds to which cell.
func (s *sums) lines(n int) (body []byte, adds map[int]int64) {
	adds = make(map[int]int64)
	for range n {
		cell, v := s.r.IntN(sumSeries*sumSlots), 1+s.r.Int64N(1000)
		adds[cell] += v
		body = fmt.Appendf(body, "crash_sum,cluster=%s,hostname=h%d value=%d %d\n", s.cluster, cell%sumSeries, v, s.slot(cell))
	}
	return body, adds
}

func (s *sums) slot(cell int) int64 { return s.begin + int64(cell/sumSeries*sumStride) }

func (s *sums) add(adds map[int]int64) {
	for cell, v := range adds {
		s.want[cell] += v
	}
}

func (s *sums) write(ctx context.Context, to *sender) bool {
	n := size(s.r, 1000)
	body, adds := s.lines(n)
	got := to.post(ctx, "/api/v1/write", body, s.r.IntN(3) == 0)
	s.sent(got, n)
	switch got {
	case acknowledged:
		s.add(adds)
	case unknown:
		s.open, s.perhaps = adds, true
	case refused:
	}
	pause(ctx, rand.N(maxPause))
	return got == acknowledged
}

// got returns what is there, by cell.
func (s *sums) got(a *asker) map[int]int64 {
	a.t.Helper()
	there := make(map[int]int64)
	all := a.ask(s.cluster, false, s.begin, s.begin+sumSlots*sumStride)
	for cell := range sumSeries * sumSlots {
		if v, ok := all[place{"crash_sum", "h" + strconv.Itoa(cell%sumSeries), ""}].at(s.slot(cell)); ok {
			there[cell] = int64(v)
		}
	}
	return there
}

func (s *sums) verify(a *asker, _ bool) {
	a.t.Helper()
	got := s.got(a)
	if s.perhaps && s.isThere(got) {
		s.add(s.open)
		for range s.open {
			s.there++
		}
	}
	s.open, s.perhaps = nil, false
	s.compare(a, got)
}

// isThere reports whether the batch that was under way is: one cell of it tells.
func (s *sums) isThere(got map[int]int64) bool {
	for cell, v := range s.open {
		return got[cell] >= s.want[cell]+v
	}
	return false
}

func (s *sums) compare(a *asker, got map[int]int64) {
	a.t.Helper()
	for cell := range sumSeries * sumSlots {
		switch want := s.want[cell]; {
		case got[cell] < want:
			a.wrong(&s.lost, 1, "h%d at %d has %d, want %d", cell%sumSeries, s.slot(cell), got[cell], want)
		case got[cell] > want:
			a.wrong(&s.doubled, 1, "h%d at %d has %d, want %d", cell%sumSeries, s.slot(cell), got[cell], want)
		}
	}
}
