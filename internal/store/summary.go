package store

import (
	"tallystick/internal/block"
	"tallystick/internal/codec"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// A Summary is a Span, and what the samples in it are together, if they are of one series.
type Summary struct {
	Span
	block.Tally
}

// SummaryAll returns the Span that SpanAll returns, and what the samples are together, as
// block.TallyOf has it, if Series is 1. A block that is in the range as a whole is not
// decoded where what is sealed of it says that already.
func (s *Store) SummaryAll(set []selector.Path, id metric.ID, from, to int64) (sum Summary) {
	if int(id) >= s.table.Len() {
		return sum
	}
	m := s.table.At(id)
	lo, hi := slots(m, from, to)
	d := s.reader()
	defer s.readers.Put(d)
	for _, at := range set {
		s.each(at, id, func(r *series) {
			if sum.Series++; sum.Series == 1 {
				sum = d.summary(r, lo, hi)
			}
		})
	}
	if sum.Series > 1 {
		return Summary{Span: s.SpanAll(set, id, from, to)}
	}
	sum.From, sum.To = sum.From*m.Step, sum.To*m.Step
	return sum
}

// summary returns what there is to say of the samples in the slots [from, to). The times of
// its Span are slots.
func (d *reader) summary(r *series, from, to int64) (sum Summary) {
	sum.Series = 1
	first, last, ok := d.extent(r, from, to)
	if !ok {
		return sum
	}
	sum.From, sum.To = first, last+1
	index, _ := block.Split(first)
	i, _ := r.find(index)
	for ; i < len(r.chain) && r.chain[i].begin() <= last; i++ {
		l := &r.chain[i]
		begin := l.begin()
		sum.Join(d.tally(l, int(max(first-begin, 0)), int(min(last+1-begin, block.Slots))))
	}
	return sum
}

// tally returns what the samples in the slots [from, to) of a block are together.
func (d *reader) tally(l *link, from, to int) (t block.Tally) {
	if d.firstIn(l, 0) < from || d.lastIn(l, block.Slots-1) >= to {
		base, values := d.store.samples(l, &d.room)
		t.Add(values[max(from-base, 0):max(min(to-base, len(values)), 0)])
		return t
	}
	if b := d.store.sealed(l); b != nil {
		s, rest, err := codec.Stats(b[sealedHeader:])
		if err != nil {
			panic("sealed bytes in memory are damaged: " + err.Error())
		}
		t = block.Tally{Count: s.Count, Sum: s.Sum, Min: s.Min, Max: s.Max}
		t.Add(b.unpack(d.room[:0], len(b)-len(rest)))
	}
	if !l.span.None() {
		_, raw := d.store.pool.Values(l.span)
		t.Add(raw)
	}
	return t
}
