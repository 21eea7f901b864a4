package stomp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-stomp/stomp/v3/frame"
)

const (
	// MaxBody is the longest body that is taken, in bytes: what RabbitMQ allows in its
	// newer versions. A longer one is skipped, without room being made for it.
	MaxBody = 16 << 20
	// maxHeader bounds one header, or the command, and maxHeaders all of a frame.
	maxHeader  = 64 << 10
	maxHeaders = 256
)

var (
	errFrame   = errors.New("what the broker says is not STOMP")
	errHeaders = errors.New("a frame has too many headers, or too long ones")
)

// A reader reads frames.
type reader struct{ r *bufio.Reader }

func newReader(r io.Reader) *reader { return &reader{bufio.NewReaderSize(r, maxHeader)} }

// read returns the next frame, or nil for a heart-beat. If the body is longer than
// MaxBody, long is true and there is none.
func (r *reader) read() (f *frame.Frame, long bool, err error) {
	command, err := r.line()
	if err != nil || command == "" {
		return nil, false, err
	}
	f = frame.New(command)
	for {
		line, err := r.line()
		if err != nil {
			return nil, false, inside(err)
		}
		if line == "" {
			break
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || key == "" {
			return nil, false, errFrame
		}
		if f.Header.Len() == maxHeaders {
			return nil, false, errHeaders
		}
		f.Header.Add(unescape(key), unescape(value))
	}
	long, err = r.body(f)
	return f, long, inside(err)
}

// inside returns err as one in the middle of a frame.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// line reads a line, without its end.
func (r *reader) line() (string, error) {
	line, err := r.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errHeaders
	case err != nil && len(line) > 0:
		return "", inside(err)
	case err != nil:
		return "", err
	}
	return string(bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))), nil
}

// unescape returns a header as it was meant (STOMP 1.2, "Value Encoding").
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\c`, ":", `\\`, `\`).Replace(s)
}

// body reads the body, and the zero behind it.
func (r *reader) body(f *frame.Frame) (long bool, err error) {
	text, ok := f.Header.Contains(frame.ContentLength)
	if !ok {
		return r.untilZero(f)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 {
		return false, fmt.Errorf("%w: content-length is %q", errFrame, text)
	}
	if n > MaxBody {
		if _, err = io.CopyN(io.Discard, r.r, n); err != nil {
			return true, err
		}
		return true, r.zero()
	}
	var buf bytes.Buffer // it grows as the body comes: the length is the sender's word
	if _, err = io.CopyN(&buf, r.r, n); err != nil {
		return false, err
	}
	f.Body = buf.Bytes()
	return false, r.zero()
}

func (r *reader) zero() error {
	if c, err := r.r.ReadByte(); err != nil || c != 0 {
		return cmpErr(err)
	}
	return nil
}

func cmpErr(err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: there is no zero behind a body", errFrame)
}

// untilZero reads a body whose length is not told.
func (r *reader) untilZero(f *frame.Frame) (long bool, err error) {
	for {
		part, err := r.r.ReadSlice(0)
		if !long {
			f.Body = append(f.Body, part...)
		}
		if len(f.Body) > MaxBody+1 {
			long, f.Body = true, nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return long, err
		default:
			if !long {
				f.Body = f.Body[:len(f.Body)-1]
			}
			return long, nil
		}
	}
}
