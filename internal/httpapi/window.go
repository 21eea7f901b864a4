package httpapi

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// A window is the piece of a body that is looked at. It grows to max bytes as
// what is looked at needs it.
type window struct {
	r   io.Reader
	buf []byte
	max int
	err error // what the body ended with

	last     int // where what was taken last began
	pos, end int // buf[pos:end] is read and not taken
}

// need returns what is read and not taken, more than n bytes of it. The error is
// a *inputError if the body is not that long, or the window is not.
func (w *window) need(n int) ([]byte, error) {
	for w.pos+n >= w.end {
		if w.end-w.pos == w.max {
			return nil, tooLong()
		}
		if err := w.fill(); errors.Is(err, io.EOF) {
			return nil, &inputError{reasonSyntax, "the body ends in the middle of it"}
		} else if err != nil {
			return nil, err
		}
	}
	return w.buf[w.pos:w.end], nil
}

// fill reads more. It is not called with max bytes in the window.
func (w *window) fill() error {
	if w.err != nil {
		return w.err
	}
	if w.end == len(w.buf) {
		w.room()
	}
	n, err := w.r.Read(w.buf[w.end:])
	w.end += n
	w.err = err
	if n == 0 {
		return err
	}
	return nil
}

// room moves what is not taken to the front, of a larger buffer if it is more
// than half of this one.
func (w *window) room() {
	into := w.buf
	if w.end-w.pos > len(w.buf)/2 && len(w.buf) < w.max {
		into = make([]byte, min(2*len(w.buf), w.max))
	}
	w.end = copy(into, w.buf[w.pos:w.end])
	w.buf, w.pos, w.last = into, 0, 0
}

// take returns the next n bytes, which need has returned, and goes on behind them.
func (w *window) take(n int) []byte {
	w.last = w.pos
	w.pos += n
	return w.buf[w.last:w.pos]
}

// back undoes the last take, if nothing was done since.
func (w *window) back() { w.pos = w.last }

// skip takes all bytes of the set, and returns the one after them.
func (w *window) skip(set string) (byte, error) {
	for {
		if w.pos == w.end {
			if err := w.fill(); err != nil {
				return 0, err
			}
			continue
		}
		if c := w.buf[w.pos]; strings.IndexByte(set, c) < 0 {
			return c, nil
		}
		w.pos++
	}
}

// skipLine takes all up to and with the next newline.
func (w *window) skipLine() error {
	for {
		if i := bytes.IndexByte(w.buf[w.pos:w.end], '\n'); i >= 0 {
			w.pos += i + 1
			return nil
		}
		w.pos = w.end
		if err := w.fill(); err != nil {
			return err
		}
	}
}

// close makes as if the body ended here.
func (w *window) close() { w.pos, w.end, w.err = 0, 0, io.EOF }

// all returns what is read and not taken, as much as the window holds. The error
// is what the body ended with before that.
func (w *window) all() ([]byte, error) {
	for w.end-w.pos < w.max {
		if err := w.fill(); err != nil {
			return w.buf[w.pos:w.end], err
		}
	}
	return w.buf[w.pos:w.end], nil
}
