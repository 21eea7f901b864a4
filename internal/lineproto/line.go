package lineproto

import (
	"bytes"
	"fmt"
	"iter"
)

// A Line is one decoded line. A tag that the line does not have is empty, which
// no tag that it has can be.
type Line struct {
	Number int // 1-based, in the body

	Metric  []byte
	Cluster []byte
	Host    []byte // the tag hostname, or host where there is no hostname
	Type    []byte
	TypeID  []byte
	SType   []byte
	STypeID []byte

	Value   float64 // finite; of a boolean 0 or 1
	Time    int64   // Unix seconds
	HasTime bool    // false: the line has no time
}

// The reasons of an Error.
const (
	Syntax   = "syntax"       // not line protocol
	BadTag   = "bad-tag"      // one of the six tags comes twice
	BadField = "field"        // a field that is not "value"
	String   = "string"       // the value is a string
	NaN      = "not-a-number" // the value is not finite
	Range    = "range"        // the value does not fit in 64 bits
	BadTime  = "time"         // the time is not an integer of 64 bits
)

// An Error says what is wrong with a line.
type Error struct {
	Line   int    // 1-based, in the body
	Column int    // 1-based, in bytes
	Reason string // one of the constants
	Text   string // for people; at most MaxText bytes
}

// MaxText is how long the text of an Error is at most, in bytes: a text quotes
// its line, and lines may be as long as their sender likes.
const MaxText = 200

// Error returns the place and the text.
func (e *Error) Error() string { return fmt.Sprintf("line %d:%d: %s", e.Line, e.Column, e.Text) }

// Parse decodes the lines of body in order, each into a Line or an Error; the
// other is nil. Empty lines and comments are skipped. What the Line and its
// slices point to is valid until the next step; they may alias body.
func Parse(body []byte, p Precision) iter.Seq2[*Line, *Error] {
	return func(yield func(*Line, *Error) bool) {
		c, d := cutter{body: body}, decoder{precision: p}
		for number := 1; ; {
			text, more := c.cut()
			if !more {
				return
			}
			ok, err := d.decode(text, number)
			if err != nil && err.Reason == Syntax {
				c.wrong()
			}
			number += 1 + bytes.Count(c.line(), []byte{'\n'})
			if err != nil && !yield(nil, err) || ok && !yield(&d.line, nil) {
				return
			}
		}
	}
}
