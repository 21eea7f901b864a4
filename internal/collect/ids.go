package collect

import (
	"slices"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// Dictionary ids are given without gaps, to sessions, files and what is told of them,
// in the order of time (XROOTD.md fact 9). So when a file was opened, everything with a
// smaller id was there before; and when the packet that tells so is placed in its
// stream, and the next, all that was sent about those ids has come, or never will:
//
//	ids that came  … 7 8 9 . 11 12 . . 15 │ 16 18
//	               settled: 10, 13 and 14 │ 17 may still come
//
// Of a server whose packets go to several places, and not all of them here, ids are
// missing that were never lost on the way: no more of them are told than packets are
// known to be lost, but for a run of missing ids that is so long that it may be a burst
// which the numbers of packets do not show.

// ids is what is known of the ids of a life. Its exported fields are what State keeps.
type ids struct {
	First uint32 `json:",omitempty"` // the first that is judged; 0: none is yet
	Next  uint32 `json:",omitempty"` // the first that is not

	Top   uint32            `json:",omitempty"` // of the files that were opened up to the newest placed f packet
	Sent  transfer.Interval // when the ids up to Top were given that those before did not have
	Since int64             `json:",omitempty"` // when ids above Top were given, at the earliest

	Opens  int64 `json:",omitempty"` // of one f packet, at most
	Told   int64 `json:",omitempty"` // ids that are told as lost, but those in bursts
	Sparse bool  `json:",omitempty"` // too many are missing for it to be loss

	Unsure []gap `json:",omitempty"` // missing, and not told, by id
	Missed []gap `json:",omitempty"` // told, the newest
}

// A gap is a run of ids that did not come.
type gap struct {
	First, Last uint32
	Sent        transfer.Interval // when they were given
}

func (g *gap) len() int64 { return int64(g.Last) - int64(g.First) + 1 }

const (
	// maxUnsure is how many ids may be missing without any reason for it.
	maxUnsure = 64
	// burst is how many missing ids in a row need no other reason: about as many
	// packets in a row may leave no trace in the numbers.
	burst = half
	// maxBurst is more ids than a server gives while nobody hears of it.
	maxBurst = 1 << 20
	// maxMissed is how many gaps are remembered, for records that are very late.
	maxMissed = 256
)

// opens returns the largest id of the files that the f datagram at hand has the opens
// of, and how many they are.
func (c *Collector) opens() (top uint32, n int64) {
	for i := range c.gram.File.Records {
		if r := &c.gram.File.Records[i]; r.Type == xrootd.FileOpen {
			top = max(top, r.ID)
			n++
		}
	}
	return top, n
}

// speak notes that something about an id came.
func (c *Collector) speak(l *life, id uint32) {
	if id == 0 || !l.spoken.Add(id) || id >= l.IDs.Next {
		return
	}
	if _, ok := cut(&l.IDs.Unsure, id); ok {
		return
	}
	if g, ok := cut(&l.IDs.Missed, id); ok {
		if g.len() < burst {
			l.IDs.Told--
		}
		c.loss(l, transfer.IDs, -1, g.Sent)
	}
}

// cut takes id out of the gap that it is in.
func cut(all *[]gap, id uint32) (in gap, ok bool) {
	i := slices.IndexFunc(*all, func(g gap) bool { return g.First <= id && id <= g.Last })
	if i < 0 {
		return in, false
	}
	in = (*all)[i]
	var rest []gap
	if in.First < id {
		rest = append(rest, gap{in.First, id - 1, in.Sent})
	}
	if id < in.Last {
		rest = append(rest, gap{id + 1, in.Last, in.Sent})
	}
	*all = slices.Replace(*all, i, i+1, rest...)
	return in, true
}

// placedFile judges the ids up to those of the f packet before n, which is placed now.
func (c *Collector) placedFile(l *life, n *number) {
	d := &l.IDs
	d.Opens = max(d.Opens, n.Opens)
	if d.First == 0 {
		d.begin(l, n)
	} else {
		c.judgeIDs(l)
	}
	if n.Top >= d.Top {
		d.Top, d.Sent, d.Since = n.Top, transfer.Interval{d.Since, n.End}, n.Begin
	}
}

// begin has everything judged from the first id on if l was heard from its beginning,
// else what is given from now on.
func (d *ids) begin(l *life, n *number) {
	switch {
	case l.mapped.Has(1), l.fromStart() && n.Top < half/2:
		d.First = 1
	case n.Top > 0:
		d.First = n.Top
	}
	d.Next, d.Since = d.First, n.Begin
}

// judgeIDs finds the ids below l.IDs.Top that did not come.
func (c *Collector) judgeIDs(l *life) {
	d := &l.IDs
	next := d.Next
	if next >= d.Top {
		return
	}
	for next < d.Top {
		until := d.Top
		if id, ok := l.spoken.Next(next); ok {
			until = min(until, id)
		}
		if until > next {
			c.missing(l, gap{next, until - 1, d.Sent})
		}
		next = until + 1
	}
	d.Next = d.Top
}

func (c *Collector) missing(l *life, g gap) {
	d := &l.IDs
	switch n := g.len(); {
	case n > maxBurst || d.Sparse:
		d.Sparse = true
	case n >= burst:
		c.missed(l, g)
	default:
		d.Unsure = append(d.Unsure, g)
	}
}

// missed tells that g is lost.
func (c *Collector) missed(l *life, g gap) {
	d := &l.IDs
	d.Missed = append(d.Missed, g)
	if len(d.Missed) > maxMissed {
		d.Missed = slices.Delete(d.Missed, 0, 1)
	}
	c.loss(l, transfer.IDs, g.len(), g.Sent)
}

// tellIDs tells of as many missing ids as packets are known to be lost that may have
// had them.
func (c *Collector) tellIDs(l *life) {
	d := &l.IDs
	var room int64
	for _, s := range l.streams {
		switch s.Of {
		case transfer.MapPackets:
			room += s.Lost
		case transfer.FilePackets:
			room += s.Lost * d.Opens
		}
	}
	for len(d.Unsure) > 0 && d.Told < room {
		g := d.Unsure[0]
		if n := room - d.Told; g.len() > n {
			g.Last = g.First + uint32(n) - 1
			d.Unsure[0].First = g.Last + 1
		} else {
			d.Unsure = slices.Delete(d.Unsure, 0, 1)
		}
		d.Told += g.len()
		c.missed(l, g)
	}
	var unsure int64
	for i := range d.Unsure {
		unsure += d.Unsure[i].len()
	}
	if unsure >= maxUnsure {
		d.Sparse, d.Unsure = true, nil
	}
}
