package xrootd

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrText is the error of shifting a text datagram.
var ErrText = errors.New("times in text are not shifted")

// Shift moves all times inside the binary datagram b by seconds, in place, so
// that what was recorded can be replayed as if it came now: the server's start,
// and the windows of f, t, r and g datagrams. A time of 0 is none and stays. The
// records of a g-stream and the &tod= of p and x records are left as they are.
//
// With an error, b is as it was: ErrText of text datagrams, which have times of
// different widths, else an *Error.
func Shift(b []byte, seconds int64) error {
	if isText(b) {
		return ErrText
	}
	if err := checkBinary(b); err != nil {
		return err
	}
	for _, apply := range []bool{false, true} {
		s := shifter{b: b, by: seconds, apply: apply}
		if err := s.datagram(); err != nil {
			return err
		}
	}
	return nil
}

// A shifter goes through the times of one datagram, once to check and once to
// apply.
type shifter struct {
	b     []byte
	by    int64
	apply bool
}

// move moves the time at offset at.
func (s *shifter) move(at int) *Error {
	t := unix(s.b[at:])
	if t == 0 {
		return nil
	}
	t += s.by
	if s.by > math.MaxUint32 || s.by < -math.MaxUint32 || t <= 0 || t > math.MaxUint32 {
		return errorAt(at, ReasonTime, "a time would become %d", t)
	}
	if s.apply {
		binary.BigEndian.PutUint32(s.b[at:], uint32(t))
	}
	return nil
}

// both moves the two times at offset at.
func (s *shifter) both(at int) *Error {
	if err := s.move(at); err != nil {
		return err
	}
	return s.move(at + 4)
}

func (s *shifter) datagram() *Error {
	if err := s.move(4); err != nil {
		return err
	}
	switch s.b[0] {
	case 'f':
		return s.file()
	case 't':
		return s.trace()
	case 'r':
		return s.redirect()
	case 'g':
		if len(s.b) < gstreamSize {
			return errorAt(len(s.b), ReasonShort, "the header of a g-stream ends after %d bytes", len(s.b))
		}
		return s.both(headerSize)
	}
	return nil
}

func (s *shifter) file() *Error {
	for at := headerSize; at < len(s.b); {
		r, err := cutRecord(s.b, at)
		if err != nil {
			return err
		}
		if FileType(r[0]) == FileTime {
			if len(r) < timeSize {
				return errorAt(at, ReasonRecord, "a time record of %d bytes", len(r))
			}
			if err := s.both(at + recordSize); err != nil {
				return err
			}
		}
		at += len(r)
	}
	return nil
}

func (s *shifter) trace() *Error {
	for at := headerSize; at < len(s.b); at += traceSize {
		if at+traceSize > len(s.b) {
			return errorAt(at, ReasonShort, "an entry of %d bytes at the end", len(s.b)-at)
		}
		if TraceType(s.b[at]) == TraceWindow {
			if err := s.both(at + 8); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shifter) redirect() *Error {
	for at := headerSize; at < len(s.b); {
		n, err := slots(s.b, at)
		if err != nil {
			return err
		}
		if s.b[at]&0xf0 == redirTime {
			if err := s.move(at + 4); err != nil {
				return err
			}
		}
		at += n
	}
	return nil
}
