package lineproto

import "bytes"

// A cutter cuts a body into lines.
//
// A line that has an opening quote is read to the end of its quotes, which may
// be the end of the body. If that turns out to be wrong, the line ends at its
// first newline after all, and all that was read is cut at newlines only: no
// byte is read ahead twice, whatever quotes a sender strews in
// (TestCutIsLinear).
type cutter struct {
	body []byte
	from int // where the line last cut begins
	to   int // where it ends
	next int // where the next one begins
	flat int // lines that begin before end at their first newline
}

// peek returns what comes up to the next newline.
func (c *cutter) peek() []byte {
	rest := c.body[min(c.next, len(c.body)):]
	return rest[:newline(rest)]
}

// take takes n bytes without a quote for the next line.
func (c *cutter) take(n int) { c.from, c.to, c.next = c.next, c.next+n, c.next+n+1 }

// cut returns the next line, without its newline; false at the end of the body.
func (c *cutter) cut() ([]byte, bool) {
	if c.next >= len(c.body) {
		return nil, false
	}
	c.from = c.next
	c.end(c.from + newline(c.body[c.from:]))
	if c.from < c.flat || bytes.IndexByte(c.line(), '"') < 0 || comment(c.line()) {
		return c.line(), true
	}
	if n, ok := quoted(c.body[c.from:]); ok {
		c.end(c.from + n)
	} else {
		c.flat = c.from + n
	}
	return c.line(), true
}

// wrong takes back what cut read beyond the first newline.
func (c *cutter) wrong() {
	c.flat = max(c.flat, c.to)
	c.end(c.from + newline(c.line()))
}

func (c *cutter) end(at int) { c.to, c.next = at, at+1 }

func (c *cutter) line() []byte { return c.body[c.from:c.to] }

func comment(line []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte{'#'})
}

// quoted returns where the line that b begins with ends: at the first newline
// outside of quotes, or at the end of b. It reports false if quotes do not
// enclose the whole value of a field, and then how far it has read.
func quoted(b []byte) (end int, ok bool) {
	at := fields(b)
	for at < len(b) && b[at] != '\n' {
		value, next := field(b, at)
		if value < next && b[value] == '"' && (next < value+2 || b[next-1] != '"' || !closes(b, next)) {
			return next, false
		}
		if next == len(b) || b[next] != ',' {
			return next + newline(b[next:]), true
		}
		at = next + 1
	}
	return at, true
}

// fields returns where the fields of the line that b begins with begin: behind
// the first spaces that are not escaped. It is at a newline or at the end of b
// if the line has none.
func fields(b []byte) int {
	at := 0
	for at < len(b) && b[at] == ' ' {
		at++
	}
	for ; at < len(b) && b[at] != '\n'; at++ {
		if b[at] == ' ' && b[at-1] != '\\' {
			break
		}
	}
	for at < len(b) && b[at] == ' ' {
		at++
	}
	return at
}

// field returns where the value of the field at b[at:] begins and where it ends:
// at a comma, white space, or the end of b; the value of a string, behind its
// closing quote.
func field(b []byte, at int) (value, end int) {
	for value = at; value < len(b) && b[value] != '\n'; value++ {
		if b[value] == '=' && value > at && b[value-1] != '\\' {
			value++
			break
		}
	}
	if value < len(b) && b[value] == '"' {
		return value, value + str(b[value:])
	}
	return value, value + ends(b[value:])
}

// str returns the length of the string that b begins with, with its quotes; if
// it is not closed, all of b.
func str(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// newline returns where the first newline is, the length of b if there is none.
func newline(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i
	}
	return len(b)
}

// closes reports whether a field may end at end.
func closes(b []byte, end int) bool {
	return end == len(b) || bytes.IndexByte([]byte(", \r\n"), b[end]) >= 0
}

// ends returns where a value that b begins with ends.
func ends(b []byte) int {
	end := 0
	for !closes(b, end) {
		end++
	}
	return end
}
