package collect

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// hashOf tells packets apart. It is the same in every process, so that one which
// comes again after a restart is known.
func (c *Collector) hashOf(b []byte) uint64 {
	return uint64(crc32.ChecksumIEEE(b))<<32 | uint64(crc32.Checksum(b, c.castagnoli))
}

// hashes are a hash for each number; 0: none.
type hashes [256]uint64

// hashSize is what a hash takes in a text, before base64: its number and itself.
const hashSize = 1 + 8

// MarshalText implements encoding.TextMarshaler.
func (h *hashes) MarshalText() ([]byte, error) {
	var b []byte
	for seq, v := range h {
		if v != 0 {
			b = binary.BigEndian.AppendUint64(append(b, byte(seq)), v)
		}
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hashes) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(b)%hashSize != 0 {
		return errors.New("not the hashes of packets")
	}
	for ; len(b) > 0; b = b[hashSize:] {
		h[b[0]] = binary.BigEndian.Uint64(b[1:])
	}
	return nil
}
