package replay

import (
	"bufio"
	"bytes"
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
	Stdin       io.Reader // is the file -, which is read once
	// Damaged is told of each line that is no message or claim, with its place. It is left out.
	Damaged func(err error)
}

// fileLineMax is the longest line: a datagram of 64 KiB in base64, and what is around it.
const fileLineMax = 1 << 20

var errLineLong = errors.New("a line of more than 1 MiB")

// Packets implements Source.
func (f Files) Packets(ctx context.Context, from, to int64) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		clock := arrivals{}
		for _, name := range f.PacketFiles {
			for line, err := range f.lines(ctx, name) {
				if err != nil {
					yield(checkpoint.Packet{}, err)
					return
				}
				k, err := clock.packet(line)
				if err != nil {
					f.Damaged(line.wrong(err))
					continue
				}
				if t := k.At.Unix(); t >= from && t < to && !yield(k, nil) {
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
			for line, err := range f.lines(ctx, name) {
				if err != nil {
					yield(nil, err)
					return
				}
				c, err := line.claim()
				if err != nil {
					f.Damaged(line.wrong(err))
					continue
				}
				if !yield(c, nil) {
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
	long bool // it is longer than may be, and text has the end of it
}

func (l line) decode(into any) error {
	if l.long {
		return errLineLong
	}
	return json.Unmarshal(l.text, into)
}

func (l line) claim() (*transfer.Claim, error) {
	c := new(transfer.Claim)
	if err := l.decode(c); err != nil {
		return nil, err
	}
	return c, c.Check()
}

func (l line) wrong(err error) error { return fmt.Errorf("%s:%d: %w", l.file, l.n, err) }

// open opens a file.
func (f Files) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(f.Stdin), nil
	}
	return os.Open(name)
}

// lines yields the lines of a file that are not empty.
func (f Files) lines(ctx context.Context, name string) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		file, err := f.open(name)
		if err != nil {
			yield(line{}, err)
			return
		}
		defer file.Close()
		r := bufio.NewReaderSize(file, fileLineMax)
		for n := 1; err == nil; n++ {
			l := line{file: name, n: n}
			l.text, l.long, err = readLine(r)
			if (l.long || len(l.text) > 0) && !yield(l, ctx.Err()) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(line{}, fmt.Errorf("%s: %w", name, err))
		}
	}
}

// readLine returns the next line without space around it, and of one that is too long the end.
func readLine(r *bufio.Reader) (text []byte, long bool, err error) {
	text, err = r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		text, err = r.ReadSlice('\n')
	}
	if !long {
		text = bytes.TrimSpace(text)
	}
	return text, long, err
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
		return checkpoint.Packet{}, errors.New("a message without data")
	}
	at, err := m.at()
	if err != nil {
		return checkpoint.Packet{}, err
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
