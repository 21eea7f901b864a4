package collect

import (
	"slices"
	"strings"
	"time"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A stream is a sequence of packets that a server numbers. The numbers have 8
// bits, and packets come late, twice and in any order; so what a number stands
// for is only said when its packet has waited for Config.Hold, when all that were
// sent before it have come, or never will:
//
//	… 253 254 255 │ 0 1 . 3 . . 6        placed up to 255; 0 is ripe: placed,
//	              └ placed │ waiting     and with 6 at last 2, 4 and 5 are lost
//
// What is lost is therefore the same in whatever order the packets came, as long
// as none is later than Config.Hold. One that is later fills its gap again.
//
// It is never more than what truly was lost, but where numbers wrap within
// Config.Hold: then a packet that is 129 to 255 numbers late, or comes again so
// late, looks like one to come, and where a stream that is joined in the middle
// begins is a guess. It can be less: a burst of 256 leaves no trace, and one of
// more than 127 may look like a packet that is late.
type stream struct {
	streamName

	Seen, Again, Behind, Lost int64 // packets: that came once, again, after one with a higher number; never, at least

	Heard  instant
	Began  bool     // something is placed
	High   uint64   // the newest number that is placed, counted on without wrap
	Last   number   // the newest packet that is placed
	Top    uint64   `json:",omitempty"` // of text: the highest number that came, counted on without wrap
	Wait   []number `json:",omitempty"` // came, and are not placed, by arrival
	Missed []missed `json:",omitempty"` // told as lost, of the last 256 numbers

	Newest hashes // of the newest packet of each number

	waits [256]uint16 // how many of each number are in Wait
	room  []number    // the memory that Wait lies in
}

// A streamName tells the streams of a life apart.
type streamName struct {
	Of       transfer.LossOf
	Provider byte `json:",omitempty"` // of a g-stream
	Remote   raw  `json:",omitempty"` // port, of a sequence that each socket has for itself
	Text     bool `json:",omitempty"` // numbered to 999; of dictionary records as text it is not known how
}

// A number is a packet as far as its place counts.
type number struct {
	Seq        byte
	At         instant // since when it waits
	Came       instant `json:",omitzero"` // when it arrived; 0: at At
	Begin, End int64   // of what is in it, in the server's time; 0: unknown

	// Of an f packet: records that it announces and does not have, the opens that it
	// has, and the largest id of their files.
	Short int64  `json:",omitempty"`
	Opens int64  `json:",omitempty"`
	Top   uint32 `json:",omitempty"`
}

// A missed is a number that was told as lost.
type missed struct {
	Number uint64
	Sent   transfer.Interval
}

const (
	// maxStreams is how many streams of one life are told apart: a server has one
	// for each socket, one of files, and one for each plug-in.
	maxStreams = 12
	// Streams count against Config.Max from the fourth of a life on.
	freeStreams  = 3
	streamWeight = 8
	// maxWait is how many packets of a stream wait at most. Of more that come
	// within Config.Hold, the oldest waits no longer.
	maxWait = 1024
	// half of the numbers there are: what seems that far ahead is behind.
	half = 128
)

// streamOf returns the stream of l that the datagram at hand is of, nil if there
// are too many.
func (c *Collector) streamOf(l *life, remote string) *stream {
	g := &c.gram
	want := streamName{Of: transfer.MapPackets, Text: g.Header.Text}
	switch g.Header.Code {
	case 'f': // two destinations have one number for both
		want.Of = transfer.FilePackets
	case 'g':
		want.Of, want.Provider = transfer.GStreamPackets, g.GStream.Provider
	}
	if want.Of == transfer.MapPackets || want.Text { // a socket has one port, and maybe several addresses
		want.Remote = raw(remote[strings.LastIndexByte(remote, ':')+1:])
	}
	for _, s := range l.streams {
		if s.streamName == want {
			return s
		}
	}
	if len(l.streams) == maxStreams || len(l.streams) >= freeStreams && !c.room(streamWeight) {
		return nil
	}
	want.Remote = raw(strings.Clone(string(want.Remote)))
	s := &stream{streamName: want}
	l.streams = append(l.streams, s)
	return s
}

// streamsWeight is what the streams of l count against Config.Max.
func (l *life) streamsWeight() int { return streamWeight * max(0, len(l.streams)-freeStreams) }

// sweepStreams forgets the streams that have been silent for too long.
func (c *Collector) sweepStreams(now instant, l *life) {
	c.size -= l.streamsWeight()
	l.streams = slices.DeleteFunc(l.streams, func(s *stream) bool { return len(s.Wait) == 0 && past(now, s.Heard, c.cfg.Idle) })
	c.size += l.streamsWeight()
}

// seenBefore reports whether the datagram came before, as far back as its number
// goes. It saves the work; what it misses changes nothing.
func (s *stream) seenBefore(seq uint16, hash uint64) bool {
	last := &s.Newest[seq%256]
	if *last == hash {
		s.Again++
		return true
	}
	*last = hash
	return false
}

// number has the datagram at hand wait for its place in s. A dictionary record
// that is known has it already.
func (c *Collector) number(now instant, l *life, s *stream, known bool) {
	s.Heard = now
	g := &c.gram
	if known {
		s.Again++
		return
	}
	s.Seen++
	if s.Text && g.Kind != xrootd.KindGStream {
		return
	}
	n := number{Seq: s.lowBits(g.Header.Seq), At: now}
	if c.came != now {
		n.Came = c.came
	}
	switch g.Kind {
	case xrootd.KindFile:
		n.Begin, n.End = g.File.Begin, g.File.End
		n.Top, n.Opens = c.opens()
		n.Short = int64(max(0, g.File.NTotal-len(g.File.Records)-g.File.Unknown))
	case xrootd.KindGStream:
		n.Begin, n.End = g.GStream.Begin, g.GStream.End
	}
	s.wait(n)
	if len(s.Wait) > maxWait {
		c.placeNext(l, s)
	}
	c.placeOlder(l, s, c.came.Add(-c.cfg.Hold))
	if !l.numbering {
		l.numbering = true
		c.queue.push(now.Add(c.cfg.Hold), l, dueNumbers, 0)
	}
}

// placeOlder places the numbers of s whose packets arrived before then, while they wait:
// out of a queue a day may come within Config.Hold, and numbers wrap.
func (c *Collector) placeOlder(l *life, s *stream, than instant) {
	for len(s.Wait) > 0 && s.Wait[0].Came != 0 && s.Wait[0].Came < than {
		c.placeNext(l, s)
	}
}

// wait has n wait. What waits goes through its memory from the front to the end, and
// then moves to the front again.
func (s *stream) wait(n number) {
	if len(s.Wait) == cap(s.Wait) {
		if cap(s.room) < 2*len(s.Wait)+1 {
			s.room = make([]number, 0, 4*len(s.Wait)+1)
		}
		s.Wait = append(s.room[:0], s.Wait...)
	}
	s.Wait = append(s.Wait, n)
	s.waits[n.Seq]++
}

// textNumbers is how many numbers text packets have: 0 follows 999
// (XrdXrootdGSReal.cc).
const textNumbers = 1000

// lowBits returns the number of a packet as one of 8 bits. What those of text are
// counted on from does not matter, only how far they are apart.
func (s *stream) lowBits(seq uint16) byte {
	if !s.Text {
		return byte(seq)
	}
	if s.Top == 0 {
		s.Top = textNumbers + uint64(seq)
	}
	ahead := (uint64(seq) + textNumbers - s.Top%textNumbers) % textNumbers
	if ahead >= textNumbers/2 {
		return byte(s.Top - (textNumbers - ahead))
	}
	s.Top += ahead
	return byte(s.Top)
}

// settleNumbers places all numbers of l that have waited long enough.
func (c *Collector) settleNumbers(now instant, l *life) {
	ripe := now.Add(-c.cfg.Hold)
	for _, s := range l.streams {
		for len(s.Wait) > 0 && s.Wait[0].At <= ripe {
			c.placeNext(l, s)
		}
	}
	c.tellIDs(l)
	c.wakeNumbers(l)
}

// wakeNumbers has the numbers of l looked at when the first of those that wait is
// ripe.
func (c *Collector) wakeNumbers(l *life) {
	var first instant
	for _, s := range l.streams {
		if len(s.Wait) > 0 && (first.IsZero() || s.Wait[0].At < first) {
			first = s.Wait[0].At
		}
	}
	if l.numbering = !first.IsZero(); l.numbering {
		c.queue.push(first.Add(c.cfg.Hold), l, dueNumbers, 0)
	}
}

// restoreStreams gives l the streams of a state.
func (l *life) restoreStreams(all []*stream) {
	for _, s := range all {
		if s == nil || len(l.streams) == maxStreams {
			continue
		}
		for _, n := range s.Wait {
			s.waits[n.Seq]++
		}
		l.streams = append(l.streams, s)
	}
}

// placeNext places the packet that has waited longest, and all before it.
func (c *Collector) placeNext(l *life, s *stream) {
	if !s.Began {
		s.begin(l)
	}
	p := s.Wait[0]
	ahead := int(p.Seq - byte(s.High))
	if ahead == 0 || ahead >= half && (s.isMissed(p.Seq) || s.absent(ahead) >= half) {
		s.take(p.Seq)
		if c.found(l, s, p.Seq) {
			c.short(l, &p)
		}
		return
	}
	lost := 0
	for ; ahead > 0; ahead-- {
		s.High++
		n, ok := s.take(byte(s.High))
		if !ok {
			lost++
			continue
		}
		c.lose(l, s, lost, n)
		s.Last, lost = n, 0
		c.short(l, &n)
		if s.Of == transfer.FilePackets {
			c.placedFile(l, &n)
		}
	}
	s.forget()
}

// begin chooses the number that s begins with: the one that leaves the fewest
// missing among all that wait. It is one of these, or the first that there was.
func (s *stream) begin(l *life) {
	s.Began = true
	var room [256]byte
	waiting := room[:0]
	for seq, times := range s.waits {
		if times > 0 {
			waiting = append(waiting, byte(seq))
		}
	}
	newest := s.Wait[0].Seq
	first, fewest := newest, int(^uint(0)>>1)
	for _, from := range waiting { // of those that are as good, the nearest before the first that came
		n := s.span(from, waiting)
		if n < fewest || n == fewest && newest-from < newest-first {
			first, fewest = from, n
		}
	}
	s.Last = s.Wait[0]
	if zero := s.zero(); l.fromStart() && first-zero < half/2 && s.span(zero, waiting) == fewest+int(first-zero) {
		first, s.Last = zero, number{At: instantOf(time.Unix(l.Stod, 0)), End: l.Stod}
	}
	s.High = uint64(first) + 255 // the number before it, and not less than 0
}

// zero returns the number of the first packet of a life.
func (s *stream) zero() byte {
	if s.Of == transfer.GStreamPackets { // XROOTD.md 1.1
		return 1
	}
	return 0
}

// fromStart reports whether l was heard of when it began, so that what it sent before
// what came first did not come: the clocks of the server and ours may differ.
func (l *life) fromStart() bool {
	const clocks = 60
	return l.Saw.First-l.Stod <= clocks && l.Stod-l.Saw.First <= clocks
}

// span returns how many numbers from the given one on there must have been for
// each to come as often as it waits.
func (s *stream) span(from byte, waiting []byte) (n int) {
	for _, seq := range waiting {
		n = max(n, int(seq-from)+256*(int(s.waits[seq])-1)+1)
	}
	return n
}

// take returns the oldest packet with the number seq of those that wait.
func (s *stream) take(seq byte) (number, bool) {
	if s.waits[seq] == 0 {
		return number{}, false
	}
	s.waits[seq]--
	i := slices.IndexFunc(s.Wait, func(n number) bool { return n.Seq == seq })
	n := s.Wait[i]
	if i == 0 { // as nearly always
		s.Wait = s.Wait[1:]
		return n, true
	}
	s.Wait = slices.Delete(s.Wait, i, i+1)
	s.Behind++
	return n, true
}

// absent returns how many of the numbers up to that far ahead are not waiting.
func (s *stream) absent(ahead int) (n int) {
	for i := 1; i < ahead; i++ {
		if s.waits[byte(s.High)+byte(i)] == 0 {
			n++
		}
	}
	return n
}

// lose tells that the n numbers before the one of next, which is placed, are lost.
func (c *Collector) lose(l *life, s *stream, n int, next number) {
	if n == 0 {
		return
	}
	sent := s.Last.until(&next)
	for i := range n {
		s.Missed = append(s.Missed, missed{s.High - uint64(n-i), sent})
	}
	s.Lost += int64(n)
	c.loss(l, s.Of, int64(n), sent)
}

// until returns when what was sent between n and m was sent.
func (n *number) until(m *number) transfer.Interval {
	from, to := n.End, m.End
	if from == 0 || to == 0 {
		from, to = n.came().Unix(), m.came().Add(time.Second-1).Unix()
	}
	return transfer.Interval{min(from, to), max(from, to)}
}

// came returns when n arrived.
func (n *number) came() instant {
	if n.Came == 0 {
		return n.At
	}
	return n.Came
}

// short tells of the records that n announces and does not have.
func (c *Collector) short(l *life, n *number) {
	if n.Short > 0 {
		c.loss(l, transfer.Records, n.Short, transfer.Interval{n.Begin, n.End})
	}
}

// found takes a number back that was told as lost. If it was not, its packet came
// twice.
func (c *Collector) found(l *life, s *stream, seq byte) bool {
	i := slices.IndexFunc(s.Missed, func(m missed) bool { return byte(m.Number) == seq })
	if i < 0 {
		s.Seen--
		s.Again++
		return false
	}
	sent := s.Missed[i].Sent
	s.Missed = slices.Delete(s.Missed, i, i+1)
	s.Behind++
	s.Lost--
	c.loss(l, s.Of, -1, sent)
	return true
}

func (s *stream) isMissed(seq byte) bool {
	return slices.ContainsFunc(s.Missed, func(m missed) bool { return byte(m.Number) == seq })
}

// forget drops what is so far back that its number has come again.
func (s *stream) forget() {
	n := 0
	for n < len(s.Missed) && s.Missed[n].Number+256 <= s.High {
		n++
	}
	s.Missed = slices.Delete(s.Missed, 0, n)
}

// loss tells of a loss in l.
func (c *Collector) loss(l *life, of transfer.LossOf, n int64, sent transfer.Interval) {
	if n > 0 {
		c.stats.Lost[of] += uint64(n)
	} else {
		c.stats.Found++
	}
	if of == transfer.FilePackets {
		l.tally(tally{Until: sent[1], Lost: n})
	}
	c.out.Loss(transfer.Loss{SID: l.SID, Stod: l.Stod, Server: l.server.Name, Of: of, Count: n, Sent: sent})
}
