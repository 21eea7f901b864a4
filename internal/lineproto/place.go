package lineproto

import (
	"bytes"
	"strconv"
)

// tagAt returns the offset of the n-th tag in the line; n is 0-based.
func tagAt(line []byte, n int) int {
	for i, c := range line {
		if c != ',' || i > 0 && line[i-1] == '\\' {
			continue
		}
		if n == 0 {
			return i + 1
		}
		n--
	}
	return 0
}

// A fieldPlace goes over the fields of a line, each byte once.
type fieldPlace struct {
	text  []byte
	at    int // where the field begins
	line  int // 1-based, in the body
	begin int // where that line begins
}

// placeOf returns the place of the first field of a line, which is the
// number-th of its body.
func placeOf(text []byte, number int) fieldPlace {
	return fieldPlace{text: text, at: fields(text), line: number}
}

// next goes to the field behind this one. A string may have newlines in it.
func (p *fieldPlace) next() {
	_, end := field(p.text, p.at)
	end = min(end+1, len(p.text))
	if last := bytes.LastIndexByte(p.text[p.at:end], '\n'); last >= 0 {
		p.line += bytes.Count(p.text[p.at:end], []byte{'\n'})
		p.begin = p.at + last + 1
	}
	p.at = end
}

// name returns the name of the field as it stands there.
func (p *fieldPlace) name() []byte {
	value, _ := field(p.text, p.at)
	return p.text[p.at:max(value-1, p.at)]
}

// A refusal is a field that is a string.
type refusal struct {
	line, column int
	name         []byte // in the line
}

func (r *refusal) error() *Error {
	name := r.name[:min(len(r.name), MaxText)] // what is longer is cut anyway
	return &Error{Line: r.line, Column: r.column, Reason: String, Text: "field " + strconv.Quote(string(name)) + " is a string"}
}
