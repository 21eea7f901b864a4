package httpapi

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"tallystick/internal/ingest"
)

const (
	// maxMessage bounds one message or claim, in bytes: a datagram of 64 KiB in
	// base64, with room for what else a sender puts in. It is a power of two
	// times minWindow.
	maxMessage = 256 << 10
	minWindow  = 16 << 10
	// maxBroken bounds how often reading begins anew behind a message that is not
	// JSON: each time, up to maxMessage bytes are looked at a second time.
	maxBroken = 1000
)

// The reasons for which inputs are refused here, and not by ingest.
const (
	reasonSyntax  = ingest.ReasonSyntax
	reasonTooLong = "too-long" // a message longer than maxMessage, a line longer than maxLine
	reasonBody    = "body"     // the body broke off here
)

// A inputError is what is wrong with one message or line. Those after it can be
// read.
type inputError struct{ reason, text string }

func (b *inputError) Error() string { return b.text }

func tooLong() *inputError {
	return &inputError{reasonTooLong, "it is longer than 256 KiB"}
}

// messages cuts a body into its messages: one, several one behind the other, or
// the elements of an array. It looks at brackets and quotes only; whether a
// message is JSON is for who decodes it to say.
type messages struct {
	win    window
	begun  bool
	array  bool
	comma  bool // array: an element was read, what follows is a comma or the end
	broken int
}

func newMessages(r io.Reader) *messages {
	return &messages{win: window{r: r, buf: make([]byte, minWindow), max: maxMessage}}
}

// next returns the next message, valid until the next call. The error is io.EOF
// behind the last one, a *inputError if this one is none, and any other if the
// body cannot be read on.
func (m *messages) next() ([]byte, error) {
	c, err := m.first()
	if err != nil {
		return nil, err
	}
	var n int
	switch {
	case c == '{' || c == '[' || c == '"':
		n, err = m.nested()
	case m.array:
		n, err = m.scalar(",]")
	default:
		n, err = m.scalar("\n")
	}
	if bad, is := errors.AsType[*inputError](err); is {
		return nil, m.recover(bad)
	}
	if err != nil {
		return nil, err
	}
	m.comma = m.array
	return m.win.take(n), nil
}

// first skips what is between messages and returns the first byte of the next.
func (m *messages) first() (byte, error) {
	c, err := m.win.skip(" \t\r\n")
	if err != nil {
		return 0, m.ends(err)
	}
	if !m.begun {
		m.begun = true
		if m.array = c == '['; m.array {
			m.win.take(1)
			return m.first()
		}
	}
	if !m.array {
		return c, nil
	}
	switch {
	case c == ']':
		return 0, m.closes()
	case m.comma && c != ',':
		return 0, m.stop(&inputError{reasonSyntax, "there is no comma between it and the one before"})
	case m.comma:
		m.win.take(1)
		m.comma = false
		return m.first()
	}
	return c, nil
}

// ends returns what it means that err came instead of a message.
func (m *messages) ends(err error) error {
	if errors.Is(err, io.EOF) && m.array {
		return m.stop(&inputError{reasonSyntax, "the body ends in the middle of the array"})
	}
	return err
}

// closes reads the end of the array, behind which there must be nothing.
func (m *messages) closes() error {
	m.win.take(1)
	m.array = false
	if _, err := m.win.skip(" \t\r\n"); err != nil {
		return err
	}
	return m.stop(&inputError{reasonSyntax, "something comes after the array"})
}

// stop makes bad the last thing that is read.
func (m *messages) stop(bad *inputError) *inputError {
	m.array = false
	m.win.close()
	return bad
}

// nested returns the length of the object, array or string that the window
// begins with.
func (m *messages) nested() (int, error) {
	var b []byte
	var in nesting
	for n := 0; ; n++ {
		if n == len(b) {
			var err error
			if b, err = m.win.need(n); err != nil {
				return 0, err
			}
		}
		c, before := b[n], in.quoted
		switch {
		case in.quoted && c == '\n':
			return 0, &inputError{reasonSyntax, "a line ends in the middle of a string"}
		case in.ends(c):
			return n + 1, nil
		case in.quoted && !before:
			n += plain(b[n+1:])
		}
	}
}

// plain returns how many bytes there are before the first quote, backslash or
// newline. It is asked once per string, so that no byte is looked at for ever:
// most strings have none but the quote they end with, and most bytes are in them.
func plain(b []byte) int {
	for _, c := range []byte{'"', '\\', '\n'} {
		if i := bytes.IndexByte(b, c); i >= 0 {
			b = b[:i]
		}
	}
	return len(b)
}

// A nesting is where in a JSON value one is.
type nesting struct {
	depth           int // of brackets
	quoted, escaped bool
}

// ends goes on by c and reports whether the value ends with it.
func (s *nesting) ends(c byte) bool {
	if s.quoted {
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.quoted = false
			return s.depth == 0
		}
		return false
	}
	switch c {
	case '"':
		s.quoted = true
	case '{', '[':
		s.depth++
	case '}', ']':
		s.depth--
		return s.depth == 0
	}
	return false
}

// scalar returns the length of what the window begins with, up to one of ends.
func (m *messages) scalar(ends string) (int, error) {
	for n := 0; ; n++ {
		b, err := m.win.need(n)
		if cut, is := errors.AsType[*inputError](err); is && cut.reason == reasonSyntax {
			return n, nil // the body ends with it
		}
		if err != nil {
			return 0, err
		}
		if strings.IndexByte(ends, b[n]) >= 0 {
			return n, nil
		}
	}
}

// reject tells m that the message that next returned last is not JSON.
func (m *messages) reject(bad *inputError) *inputError {
	m.win.back()
	return m.recover(bad)
}

// recover goes on behind a message that is not one: at the next line that begins
// with an object. In an array there may be anything on a line.
func (m *messages) recover(bad *inputError) *inputError {
	if m.broken++; m.array || m.broken > maxBroken {
		bad.text += "; nothing after it was read"
		return m.stop(bad)
	}
	for {
		if m.win.skipLine() != nil {
			return bad // whatever it is, it comes again
		}
		if c, err := m.win.skip(" \t\r\n"); err != nil || c == '{' {
			return bad
		}
	}
}
