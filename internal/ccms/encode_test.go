package ccms_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"tallystick/internal/ccms"
)

// A level is one of a snapshot, as the tests make them.
type level struct {
	series   []ccms.Series
	children []level
	name     string
}

var little = binary.LittleEndian

func putName(b []byte, name string) []byte {
	return append(little.AppendUint16(b, uint16(len(name))), name...)
}

// binaryFile returns a binary snapshot.
func binaryFile(from, to int64, l level) []byte {
	b := little.AppendUint32(nil, 0xCC5B0001)
	b = little.AppendUint64(b, uint64(from))
	b = little.AppendUint64(b, uint64(to))
	return binaryLevel(b, l)
}

func binaryLevel(b []byte, l level) []byte {
	b = little.AppendUint32(b, uint32(len(l.series)))
	for _, s := range l.series {
		b = putName(b, s.Metric)
		b = little.AppendUint64(b, uint64(s.Step))
		b = little.AppendUint64(b, uint64(s.Start))
		b = little.AppendUint32(b, uint32(len(s.Values)))
		for _, v := range s.Values {
			b = little.AppendUint32(b, math.Float32bits(float32(v)))
		}
	}
	b = little.AppendUint32(b, uint32(len(l.children)))
	for _, c := range l.children {
		b = binaryLevel(putName(b, c.name), c)
	}
	return b
}

// walFile returns a WAL.
func walFile(records ...ccms.Record) []byte {
	b := little.AppendUint32(nil, 0xCC1DA701)
	for _, r := range records {
		b = append(b, walRecord(r)...)
	}
	return b
}

func walRecord(r ccms.Record) []byte {
	p := little.AppendUint64(nil, uint64(r.Time))
	p = append(putName(p, r.Metric), byte(len(r.Level)))
	for _, name := range r.Level {
		p = append(append(p, byte(len(name))), name...)
	}
	p = little.AppendUint32(p, math.Float32bits(float32(r.Value)))
	b := little.AppendUint32(nil, 0xCC1DA7A1)
	b = little.AppendUint32(b, uint32(len(p)))
	return little.AppendUint32(append(b, p...), crc32.ChecksumIEEE(p))
}
