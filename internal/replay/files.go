package replay

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// Files are a Source of plain files, of lines: messages of packets as shovelers send
// them, or as captures have them, and claims as POST /api/v1/claims takes them.
//
// A message tells when its packet arrived as t, in Unix seconds, as arrival, in Unix
// seconds or RFC 3339, or as arrival_ns, in Unix nanoseconds. One that does not is taken to have arrived with the one before
// it, or when the newest server began or last wrote a time, whatever is later.
type Files struct {
	PacketFiles []string
	ClaimFiles  []string
}

// fileLineMax is the longest line: a datagram of 64 KiB in base64, and what is around it.
const fileLineMax = 1 << 20

// Packets implements Source.
func (f Files) Packets(ctx context.Context, from, to int64) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		clock := arrivals{}
		for _, name := range f.PacketFiles {
			for line, err := range lines(ctx, name) {
				var k checkpoint.Packet
				if err == nil {
					k, err = clock.packet(line)
				}
				if t := k.At.Unix(); err == nil && (t < from || t >= to) {
					continue
				}
				if !yield(k, err) || err != nil {
					return
				}
			}
		}
	}
}

// Claims implements Source.
func (f Files) Claims(ctx context.Context, _, _ int64) iter.Seq2[*transfer.Claim, error] {
	return func(yield func(*transfer.Claim, error) bool) {
		for _, name := range f.ClaimFiles {
			for line, err := range lines(ctx, name) {
				c := new(transfer.Claim)
				if err == nil {
					err = line.decode(c)
				}
				if err == nil {
					err = line.wrong(c.Check())
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// A line is one of a file, with its place.
type line struct {
	file string
	n    int
	text []byte
}

func (l line) decode(into any) error { return l.wrong(json.Unmarshal(l.text, into)) }

func (l line) wrong(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s:%d: %w", l.file, l.n, err)
}

// lines yields the lines of a file that are not empty.
func lines(ctx context.Context, name string) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		f, err := os.Open(name)
		if err != nil {
			yield(line{}, err)
			return
		}
		defer f.Close()
		s := bufio.NewScanner(io.Reader(f))
		s.Buffer(nil, fileLineMax)
		for n := 1; s.Scan(); n++ {
			if err := ctx.Err(); err != nil {
				yield(line{}, err)
				return
			}
			if len(s.Bytes()) > 0 && !yield(line{name, n, s.Bytes()}, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(line{}, fmt.Errorf("%s: %w", name, err))
		}
	}
}

// A message is one line of packets.
type message struct {
	T       float64         `json:"t"`
	Arrival json.RawMessage `json:"arrival"`
	NS      int64           `json:"arrival_ns"`
	Remote  string          `json:"remote"`
	Data    []byte          `json:"data"`
}

// arrivals tell when packets came.
type arrivals struct {
	now  time.Time
	gram xrootd.Datagram // reused
}

func (a *arrivals) packet(l line) (checkpoint.Packet, error) {
	var m message
	if err := l.decode(&m); err != nil {
		return checkpoint.Packet{}, err
	}
	if len(m.Data) == 0 {
		return checkpoint.Packet{}, l.wrong(errors.New("a message without data"))
	}
	at, err := m.at()
	if err != nil {
		return checkpoint.Packet{}, l.wrong(err)
	}
	if at.IsZero() {
		at = a.guess(m.Data)
	}
	a.now = at
	return checkpoint.Packet{At: at, Remote: m.Remote, Data: m.Data, Arrival: m.NS}, nil
}

// at returns when m says that it arrived, zero if it does not.
func (m *message) at() (time.Time, error) {
	if m.T > 0 && m.T < math.MaxInt32*4 {
		return time.UnixMicro(int64(m.T * 1e6)), nil
	}
	var text time.Time
	var seconds float64
	switch {
	case len(m.Arrival) == 0 && m.NS > 0:
		return time.Unix(0, m.NS), nil
	case len(m.Arrival) == 0:
		return time.Time{}, nil
	case json.Unmarshal(m.Arrival, &text) == nil:
		return text, nil
	case json.Unmarshal(m.Arrival, &seconds) == nil && seconds > 0 && seconds < math.MaxInt32*4:
		return time.UnixMicro(int64(seconds * 1e6)), nil
	}
	return time.Time{}, fmt.Errorf("arrival %s is not a time", m.Arrival)
}

// guess returns when a packet may have come that does not say it.
func (a *arrivals) guess(data []byte) time.Time {
	if a.gram.Decode(data) != nil {
		return a.now
	}
	told := time.Unix(max(a.gram.Header.Stod, a.gram.File.End), 0)
	if told.After(a.now) {
		return told
	}
	return a.now
}
