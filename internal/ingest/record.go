package ingest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"tallystick/internal/collect"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// What is accepted goes into the log as one record for each batch, which has all that
// is needed to read it: damage of one costs no other.
//
//	record   version 1 │ kind │ body
//	samples  text source of the message │ its number │ { step }, a step is one of
//	           0 │ which parts differ, 6 bits │ text of each     the place of what follows
//	           0 │ 64 │ how many                                 so many samples of the body are not here
//	           1 │ text │ time │ value                           a sample of a metric that gets the next number
//	           n+2 │ time │ value                                a sample of the metric with the number n
//	packets  { a packet }, one is
//	           0 │ text remote │ text data                       of a sender that gets the next number
//	           n+1 │ text data                                   of the sender with the number n
//	arrived  the same, with the arrival before each data: Unix nanoseconds, 0 if it is not known
//	claims   JSON, a list                                        as they came
//	free     time │ { 6 texts of a path }
//
// Numbers are varints, text has its length before it. Times are Unix seconds, the
// difference to the one before; so are arrivals. Packets of before there were arrivals are
// read, and no more written. A value is a byte, and as many more as that says:
//
//	0 to 8     the IEEE 754 double from its sign on, what is missing is zeros
//	9 to 16    0 to 7 of a whole number, little-endian, with its sign in the lowest bit
//	17 to 24   the same of hundredths
//	25 to 32   the same of ten-thousandths
//
// The shortest is taken. So small numbers and short decimals take 2 to 4 bytes, and every
// double comes back as it is.
const recordVersion = 1

// A kind is what a record has.
type recordKind byte

const (
	samplesRecord recordKind = 1 + iota
	packetsRecord            // written by earlier versions
	claimsRecord
	freeRecord
	arrivedRecord
)

const (
	stepPlace  = 0
	stepMetric = 1
	stepKnown  = 2

	skipped = 64 // behind stepPlace
)

const (
	senderNew   = 0
	senderKnown = 1
)

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A sampleEncoder makes the record of samples. It is used again for the next one.
type sampleEncoder struct {
	buf     []byte
	numbers []uint32 // of metrics by ID, + 1; 0: none in this record
	used    []metric.ID
	to      *store.Handle // of path
	path    selector.Path
	time    int64
	index   int // of the next sample
}

// begin begins a record.
func (e *sampleEncoder) begin(m Message) {
	for _, id := range e.used {
		e.numbers[id] = 0
	}
	e.used, e.to, e.path, e.time, e.index = e.used[:0], nil, selector.Path{}, 0, 0
	e.buf = appendText(append(e.buf[:0], recordVersion, byte(samplesRecord)), m.Source)
	e.buf = binary.AppendUvarint(e.buf, m.Number)
}

// parts returns the names in a path, in the order of the record.
func parts(p *selector.Path) [6]*string {
	return [...]*string{&p.Cluster, &p.Node, &p.Component.Type, &p.Component.ID, &p.Sub.Type, &p.Sub.ID}
}

// place says where what follows belongs, if it is elsewhere.
func (e *sampleEncoder) place(to *store.Handle) {
	if e.to != nil && e.to.Same(to) {
		return
	}
	was, is := parts(&e.path), parts(&to.Path)
	differ := byte(0)
	for i := range is {
		if *is[i] != *was[i] {
			differ |= 1 << i
		}
	}
	e.to = to
	e.buf = append(e.buf, stepPlace, differ)
	for i, s := range is {
		if differ&(1<<i) != 0 {
			e.buf = appendText(e.buf, *s)
		}
	}
	e.path = to.Path
}

// sample adds a sample of a level, which has the place index in the body.
func (e *sampleEncoder) sample(index int, to *store.Handle, id metric.ID, table *metric.Table, t int64, v float64) {
	e.place(to)
	if index != e.index {
		e.buf = binary.AppendUvarint(append(e.buf, stepPlace, skipped), uint64(index-e.index)) //nolint:gosec // ascending
	}
	e.index = index + 1
	for int(id) >= len(e.numbers) {
		e.numbers = append(e.numbers, 0)
	}
	if n := e.numbers[id]; n > 0 {
		e.buf = binary.AppendUvarint(e.buf, uint64(n)-1+stepKnown)
	} else {
		e.used = append(e.used, id)
		e.numbers[id] = uint32(len(e.used)) //nolint:gosec // there are fewer metrics
		e.buf = appendText(append(e.buf, stepMetric), table.At(id).Name)
	}
	e.buf = binary.AppendVarint(e.buf, t-e.time)
	e.time = t
	e.buf = appendValue(e.buf, v)
}

const (
	wholeTag      = 9
	hundredthsTag = 17
	finestTag     = 25

	hundredths = 100
	finest     = 10_000
	maxWhole   = 1 << 53
)

func appendValue(b []byte, v float64) []byte {
	double := math.Float64bits(v)
	size := 8 - bits.TrailingZeros64(double)/8
	if size > 1 {
		if tag, n, ok := decimal(v); ok {
			u := uint64(n<<1) ^ uint64(n>>63) //nolint:gosec // zigzag
			if short := (bits.Len64(u) + 7) / 8; short < size {
				b = append(b, tag+byte(short))
				return binary.LittleEndian.AppendUint64(b, u)[:len(b)+short]
			}
		}
	}
	b = append(b, byte(size))
	return binary.BigEndian.AppendUint64(b, double)[:len(b)+size]
}

// decimal returns v as a number of what tag says, if dividing that again gives exactly v.
// A number of hundredths is one of ten-thousandths, so that one division tells.
func decimal(v float64) (tag byte, n int64, ok bool) {
	if n = int64(v); float64(n) == v {
		return wholeTag, n, isWhole(n, v)
	}
	if n = int64(math.RoundToEven(v * finest)); !isWhole(n, v) || float64(n)/finest != v {
		return 0, 0, false
	}
	if n%(finest/hundredths) == 0 {
		return hundredthsTag, n / (finest / hundredths), true
	}
	return finestTag, n, true
}

// isWhole reports whether n is small enough to be exact, and tells of v's sign.
func isWhole(n int64, v float64) bool {
	return n > -maxWhole && n < maxWhole && (n != 0 || !math.Signbit(v))
}

var errRecord = errors.New("record of the log ends within a field")

// A recordReader takes a record apart. After an error all that it gives is zero.
type recordReader struct {
	rest []byte
	err  error
}

func (r *recordReader) fail() {
	if r.err == nil {
		r.err = errRecord
	}
	r.rest = nil
}

func (r *recordReader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *recordReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *recordReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *recordReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *recordReader) text() []byte { return r.bytes(r.uvarint()) }

func (r *recordReader) value() float64 {
	switch tag := r.byte(); {
	case tag < wholeTag:
		var double [8]byte
		copy(double[:], r.bytes(uint64(tag)))
		return math.Float64frombits(binary.BigEndian.Uint64(double[:]))
	case tag < hundredthsTag:
		return r.whole(tag - wholeTag)
	case tag < finestTag:
		return r.whole(tag-hundredthsTag) / hundredths
	case tag < finestTag+8:
		return r.whole(tag-finestTag) / finest
	}
	r.fail()
	return 0
}

// whole returns a number of that many bytes.
func (r *recordReader) whole(size byte) float64 {
	var number [8]byte
	copy(number[:], r.bytes(uint64(size)))
	u := binary.LittleEndian.Uint64(number[:])
	return float64(int64(u>>1) ^ -int64(u&1)) //nolint:gosec // zigzag
}

// head returns what kind of record it is, with the body behind it.
func (r *recordReader) head() (recordKind, error) {
	if v := r.byte(); r.err == nil && v != recordVersion {
		return 0, fmt.Errorf("record of the log has version %d, want %d", v, recordVersion)
	}
	return recordKind(r.byte()), r.err
}

// A sampleVisitor takes what is in a record of samples.
type sampleVisitor interface {
	place(p selector.Path)
	metric(name []byte) // gets the next number, from 0
	sample(index, number int, t int64, v float64)
}

// samples tells v what is in the body, until something in it is wrong.
func (r *recordReader) samples(v sampleVisitor) error {
	var p selector.Path
	numbers, t, index := 0, int64(0), 0
	for len(r.rest) > 0 {
		step := r.uvarint()
		switch step {
		case stepPlace:
			differ := r.byte()
			if differ == skipped {
				index += int(min(r.uvarint(), maxIndex)) //nolint:gosec // at most maxIndex
				continue
			}
			for i, s := range parts(&p) {
				if differ&(1<<i) != 0 {
					*s = string(r.text())
				}
			}
			if r.err == nil {
				v.place(p)
			}
			continue
		case stepMetric:
			name := r.text()
			if r.err == nil {
				v.metric(name)
				step = uint64(numbers) + stepKnown
				numbers++
			}
		}
		t += r.varint()
		value := r.value()
		if r.err != nil {
			break
		}
		if step-stepKnown >= uint64(numbers) {
			return fmt.Errorf("record of the log has a sample of metric %d of %d", step-stepKnown, numbers)
		}
		v.sample(index, int(step-stepKnown), t, value) //nolint:gosec // less than numbers
		index++
	}
	return r.err
}

// A packetEncoder makes the record of packets. It is used again for the next one.
type packetEncoder struct {
	buf     []byte
	senders map[string]uint64 // their numbers
}

// encode makes the record of ps.
func (e *packetEncoder) encode(ps []collect.Packet) {
	e.buf = append(e.buf[:0], recordVersion, byte(arrivedRecord))
	clear(e.senders)
	var before int64
	for _, p := range ps {
		n, known := e.senders[p.Remote]
		if !known {
			e.senders[p.Remote] = uint64(len(e.senders))
			e.buf = appendText(append(e.buf, senderNew), p.Remote)
		} else {
			e.buf = binary.AppendUvarint(e.buf, n+senderKnown)
		}
		e.buf = binary.AppendVarint(e.buf, p.Arrival-before)
		before = p.Arrival
		e.buf = appendText(e.buf, p.Data)
	}
}

// packets yields the packets of the body, which are good as long as it is.
func (r *recordReader) packets(kind recordKind, use func(p collect.Packet)) error {
	var senders []string
	var arrival int64
	for len(r.rest) > 0 {
		n := r.uvarint()
		if n == senderNew {
			senders = append(senders, string(r.text()))
			n = uint64(len(senders)-1) + senderKnown
		}
		if kind == arrivedRecord {
			arrival += r.varint()
		}
		data := r.text()
		if r.err != nil {
			break
		}
		if n-senderKnown >= uint64(len(senders)) {
			return fmt.Errorf("record of the log has a packet of sender %d of %d", n-senderKnown, len(senders))
		}
		use(collect.Packet{Remote: senders[n-senderKnown], Data: data, Arrival: arrival})
	}
	return r.err
}

func appendClaims(b []byte, cs []*transfer.Claim) ([]byte, error) {
	text, err := json.Marshal(cs)
	return append(append(b, recordVersion, byte(claimsRecord)), text...), err
}

// claims returns the claims of the body. What is none is the error; the others are good.
func (r *recordReader) claims() (cs []*transfer.Claim, err error) {
	if err := json.Unmarshal(r.rest, &cs); err != nil {
		return nil, fmt.Errorf("record of the log: %w", err)
	}
	good := cs[:0]
	for _, c := range cs {
		if c == nil {
			err = errNoClaim
		} else if bad := c.Check(); bad != nil {
			err = bad
		} else {
			good = append(good, c)
		}
	}
	return good, err
}

func appendFree(b []byte, at []selector.Path, before int64) []byte {
	b = binary.AppendVarint(append(b, recordVersion, byte(freeRecord)), before)
	for _, p := range at {
		for _, s := range parts(&p) {
			b = appendText(b, *s)
		}
	}
	return b
}

func (r *recordReader) free() (at []selector.Path, before int64, err error) {
	before = r.varint()
	for len(r.rest) > 0 {
		var p selector.Path
		for _, s := range parts(&p) {
			*s = string(r.text())
		}
		at = append(at, p)
	}
	return at, before, r.err
}

// RecordPackets calls use with the packets of a record, if it has any. They are good
// until use returns.
func RecordPackets(record []byte, use func(p collect.Packet)) error {
	r := recordReader{rest: record}
	kind, err := r.head()
	if err != nil || kind != packetsRecord && kind != arrivedRecord {
		return err
	}
	return r.packets(kind, use)
}

// RecordClaims returns the claims of a record, if it has any.
func RecordClaims(record []byte) []*transfer.Claim {
	r := recordReader{rest: record}
	if kind, err := r.head(); err != nil || kind != claimsRecord {
		return nil
	}
	cs, _ := r.claims() // what is none cannot be used by anybody
	return cs
}
