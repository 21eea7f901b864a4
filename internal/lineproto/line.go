package lineproto

import (
	"bytes"
	"fmt"
	"iter"
)

// Options are how the lines of a body are to be read.
type Options struct {
	Precision Precision
	// All takes every field of a line, and every tag. Without it, a line with another
	// field than "value" is refused, and tags that have no place are skipped.
	All bool
	// Known, if it is there, is asked for the length of the key that a line begins with,
	// up to its first space, if that is known from an earlier Line.Key; else it is 0.
	// Where it is known, metric and tags are not decoded: whoever asks has them already.
	// It must not keep the line.
	Known func(line []byte) int
}

// A Line is one decoded line. A tag that the line does not have is empty, which
// no tag that it has can be.
type Line struct {
	Number int // 1-based, in the body

	// Key is the metric and the tags as they stand in the body, if the line is
	// plain: lines with the same key have the same metric and tags. Else it is nil.
	Key   []byte
	Known bool // Options.Known said so, and neither Metric nor tags are here

	Metric  []byte
	Cluster []byte
	Host    []byte // the tag hostname, or host where there is no hostname
	Type    []byte
	TypeID  []byte
	SType   []byte
	STypeID []byte
	Others  []Tag // with Options.All, the other tags, as they come

	Fields  []Field // at least one; without Options.All just one, "value"
	Time    int64   // Unix seconds
	HasTime bool    // false: the line has no time
}

// A Tag is one of a line.
type Tag struct{ Key, Value []byte }

// A Field is a number of a line.
type Field struct {
	Name  []byte
	Value float64 // finite; of a boolean 0 or 1
}

// The reasons of an Error.
const (
	Syntax   = "syntax"       // not line protocol
	BadTag   = "bad-tag"      // one of the six tags comes twice
	BadField = "field"        // a field that is not "value"
	String   = "string"       // the field is a string
	NaN      = "not-a-number" // the value is not finite
	Range    = "range"        // the value does not fit in 64 bits
	BadTime  = "time"         // the time is not an integer of 64 bits
)

// An Error says what is wrong with a line, or with a field of it.
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
// other is nil. With Options.All, the fields of a line that are strings become
// Errors behind the Line that has the others. Empty lines and comments are
// skipped. What the Line and its slices point to is valid until the next step;
// they may alias body.
func Parse(body []byte, o Options) iter.Seq2[*Line, *Error] { return new(Parser).Parse(body, o) }

// A Parser does what Parse does, one body after the other, in memory that is used again. The
// zero value is ready.
type Parser struct{ d decoder }

// Parse is Parse. What it yields is valid until its next step, and nothing of body is held
// when it is over.
func (p *Parser) Parse(body []byte, o Options) iter.Seq2[*Line, *Error] {
	return func(yield func(*Line, *Error) bool) {
		c, d := cutter{body: body}, &p.d
		d.options = o
		defer d.reset()
		for number := 1; ; {
			if text := c.peek(); d.usual(text, number) {
				c.take(len(text))
				number++
				if !yield(&d.quick, nil) {
					return
				}
				continue
			}
			text, more := c.cut()
			if !more {
				return
			}
			ok, err := d.decode(text, number)
			if err != nil && err.Reason == Syntax {
				c.wrong()
			}
			number += 1 + bytes.Count(c.line(), []byte{'\n'})
			if err != nil && !yield(nil, err) || ok && !d.yield(yield) {
				return
			}
		}
	}
}

// yield tells the line, and which of its fields were refused.
func (d *decoder) yield(yield func(*Line, *Error) bool) bool {
	if len(d.line.Fields) > 0 && !yield(&d.line, nil) {
		return false
	}
	for _, r := range d.refused {
		if !yield(nil, d.shorten(r.error())) {
			return false
		}
	}
	return true
}
