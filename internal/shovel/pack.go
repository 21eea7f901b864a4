package shovel

import (
	"encoding/binary"
	"errors"

	"tallystick/internal/bus"
)

// A Datagram is one that is in the queue, or comes out of it.
type Datagram struct {
	Life    string // of the queue
	Number  uint64 // in the life
	Arrival int64  // Unix nanoseconds
	Remote  string // address:port, as it stands in messages
	Data    []byte
}

// A pack is what the queue has as one message: datagrams that came together. Its form,
// numbers as unsigned varints unless said otherwise:
//
//	1      u8, the version of the form
//	life   length and text: in which the numbers are
//	first  number of the first datagram
//	count
//	then for each: arrival (i64, big endian), length and text of remote, length and bytes of data
const packVersion = 1

var errPack = errors.New("a pack in the queue is damaged")

// appendPack appends the form of datagrams of one life, whose numbers follow one another.
func appendPack(b []byte, ds []Datagram) []byte {
	b = append(b, packVersion)
	b = appendBytes(b, ds[0].Life)
	b = binary.AppendUvarint(b, ds[0].Number)
	b = binary.AppendUvarint(b, uint64(len(ds)))
	for i := range ds {
		b = binary.BigEndian.AppendUint64(b, uint64(ds[i].Arrival))
		b = appendBytes(b, ds[i].Remote)
		b = appendBytes(b, ds[i].Data)
	}
	return b
}

// packSize returns what the pack of datagrams takes at most, in bytes.
func packSize(ds []Datagram) int {
	n := 1 + len(ds[0].Life) + 3*binary.MaxVarintLen64
	for i := range ds {
		n += 8 + len(ds[i].Remote) + len(ds[i].Data) + 2*binary.MaxVarintLen32
	}
	return n
}

func appendBytes[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// parsePack returns the datagrams of a pack. Their data are parts of b.
func parsePack(b []byte) ([]Datagram, error) {
	r := reader{b: b}
	if r.byte() != packVersion {
		return nil, errPack
	}
	life, first, count := string(r.bytes()), r.uvarint(), r.uvarint()
	if r.bad || count > uint64(len(r.b)) { // each has more than a byte
		return nil, errPack
	}
	ds := make([]Datagram, 0, count)
	for i := range count {
		ds = append(ds, Datagram{
			Life: life, Number: first + i, Arrival: int64(r.uint64()), Remote: string(r.bytes()), Data: r.bytes(),
		})
		if r.bad {
			return nil, errPack
		}
	}
	if len(r.b) > 0 || count == 0 {
		return nil, errPack
	}
	return ds, nil
}

// A reader reads from the front of b. It is bad once there was too little.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	return r.take(int(n))
}

// id returns what a datagram is called among all of a shovel.
func (d *Datagram) id() bus.ID { return bus.ID{Source: d.Life, Number: d.Number} }
