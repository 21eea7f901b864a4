package lineproto

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// A decoder decodes lines, one at a time.
type decoder struct {
	options Options
	line    Line
	host    []byte    // the tag host, until it is known that there is no hostname
	others  []Tag     // of the line, in memory that is used again
	fields  []Field   // of the line, in memory that is used again
	refused []refusal // of its fields
	scratch []byte    // what line points to where it does not alias the body

	known int      // length of the key of this line, if it is known
	quick Line     // the one that usual has decoded
	one   [1]Field // of it
	clock []byte   // the time of the last such line, as it stood there

	// for lines that are not plain
	text []byte
	dec  *lineprotocol.Decoder
}

// maxRoom is how many tags or fields of a line, and bytes of it, there is room for when the next body
// comes: more than lines mostly have, and nothing to speak of.
const maxRoom = 256

// reset makes d as it was, but for room that it has already.
func (d *decoder) reset() {
	*d = decoder{others: room(d.others), fields: room(d.fields), refused: room(d.refused), scratch: room(d.scratch)}
}

// room returns the memory of s, empty.
func room[T any](s []T) []T {
	if cap(s) > maxRoom {
		return nil
	}
	clear(s[:cap(s)])
	return s[:0]
}

// decode decodes the given line into d.line. It reports false for an empty line,
// a comment, and with every error.
func (d *decoder) decode(text []byte, number int) (bool, *Error) {
	d.start(text, number)
	if d.plain(text) {
		return true, nil
	}
	d.start(text, number)
	d.dec = lineprotocol.NewDecoderWithBytes(text)
	if !d.dec.Next() {
		return false, nil
	}
	if err := d.entry(); err != nil {
		return false, d.place(err)
	}
	return true, nil
}

func (d *decoder) start(text []byte, number int) {
	d.line, d.host, d.scratch, d.text = Line{Number: number}, nil, d.scratch[:0], text
	d.others, d.fields, d.refused = d.others[:0], d.fields[:0], d.refused[:0]
}

// slot returns where the value of a tag goes, nil if it goes nowhere.
func (d *decoder) slot(key []byte) *[]byte {
	switch string(key) {
	case "cluster":
		return &d.line.Cluster
	case "hostname":
		return &d.line.Host
	case "host":
		return &d.host
	case "type":
		return &d.line.Type
	case "type-id":
		return &d.line.TypeID
	case "stype":
		return &d.line.SType
	case "stype-id":
		return &d.line.STypeID
	}
	return nil
}

// other takes a tag that is none of the six, if it is wanted.
func (d *decoder) other(key, value []byte) {
	if d.options.All {
		d.others = append(d.others, Tag{key, value})
	}
}

// tagged ends the tags.
func (d *decoder) tagged() {
	d.line.Others = d.others
	if d.line.Host == nil {
		d.line.Host = d.host
	}
}

// entry decodes a line with the library.
func (d *decoder) entry() error {
	name, err := d.dec.Measurement()
	if err != nil {
		return err
	}
	d.line.Metric = d.keep(name)
	if err := d.tags(); err != nil {
		return err
	}
	if err := d.numbers(); err != nil {
		return err
	}
	d.line.Fields = d.fields
	return d.time()
}

func (d *decoder) tags() error {
	for n := 0; ; n++ {
		key, value, err := d.dec.NextTag()
		if err != nil {
			return err
		}
		if key == nil {
			d.tagged()
			return nil
		}
		switch to := d.slot(key); {
		case to == nil && d.options.All:
			d.other(d.keep(key), d.keep(value))
		case to == nil:
		case *to != nil:
			return d.wrong(tagAt(d.text, n), BadTag, "tag "+strconv.Quote(string(key))+" comes twice")
		default:
			*to = d.keep(value)
		}
	}
}

// numbers reads all fields.
func (d *decoder) numbers() error {
	at := placeOf(d.text, d.line.Number)
	var refused error // of the line; told only if all fields are line protocol
	n := 0
	for ; ; n++ {
		key, v, err := d.dec.NextField()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		if err := d.number(at, key, v); refused == nil {
			refused = err
		}
		at.next()
	}
	if n == 0 {
		return d.wrong(len(d.text), Syntax, "line has no field")
	}
	return refused
}

// number reads a field, which stands at the given place.
func (d *decoder) number(at fieldPlace, key []byte, v lineprotocol.Value) error {
	if !d.options.All && string(key) != "value" {
		return d.wrong(at.at, BadField, "field "+strconv.Quote(string(key))+` is not "value"`)
	}
	f := Field{}
	switch v.Kind() {
	case lineprotocol.Float:
		f.Value = v.FloatV()
	case lineprotocol.Int:
		f.Value = float64(v.IntV())
	case lineprotocol.Uint:
		f.Value = float64(v.UintV())
	case lineprotocol.Bool:
		if v.BoolV() {
			f.Value = 1
		}
	case lineprotocol.String, lineprotocol.Unknown:
		r := refusal{line: at.line, column: at.at - at.begin + 1, name: at.name()}
		if !d.options.All {
			return r.error()
		}
		d.refused = append(d.refused, r)
		return nil
	}
	f.Name = d.keep(key)
	d.add(f)
	return nil
}

// add adds a field. Of several values of a line the last one counts, as it does
// in cc-metric-store; of all fields, each.
func (d *decoder) add(f Field) {
	if !d.options.All {
		d.fields = d.fields[:0]
	}
	d.fields = append(d.fields, f)
}

func (d *decoder) time() error {
	b, err := d.dec.TimeBytes()
	if at := (*lineprotocol.DecodeError)(nil); errors.As(err, &at) {
		return &Error{Line: d.line.Number + int(at.Line) - 1, Column: at.Column, Reason: BadTime, Text: at.Err.Error()}
	}
	if err != nil || b == nil {
		return err
	}
	t, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return d.wrong(bytes.LastIndex(d.text, b), BadTime, "time "+string(b)+" is not an integer of 64 bits")
	}
	d.line.Time, d.line.HasTime = d.options.Precision.Unix(t), true
	return nil
}

// keep copies b, which the library overwrites.
func (d *decoder) keep(b []byte) []byte {
	n := len(d.scratch)
	d.scratch = append(d.scratch, b...)
	return d.scratch[n:len(d.scratch):len(d.scratch)]
}

// wrong returns an error at the given offset in the text.
func (d *decoder) wrong(at int, reason, text string) error {
	before := d.text[:at]
	return &Error{
		Line:   d.line.Number + bytes.Count(before, []byte{'\n'}),
		Column: at - bytes.LastIndexByte(before, '\n'),
		Reason: reason,
		Text:   text,
	}
}

// place makes an error of the library, or an Error, one that says where it is in
// the body and is not too long.
func (d *decoder) place(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Line: d.line.Number, Column: 1, Reason: Syntax, Text: err.Error()}
		if at := (*lineprotocol.DecodeError)(nil); errors.As(err, &at) {
			e.Line, e.Column, e.Text = d.line.Number+int(at.Line)-1, at.Column, at.Err.Error()
		}
		e.Reason = d.reason(err, e.Column)
	}
	return d.shorten(e)
}

// shorten makes the text of e at most MaxText long.
func (*decoder) shorten(e *Error) *Error {
	if len(e.Text) > MaxText {
		e.Text = strings.ToValidUTF8(e.Text[:MaxText-len("…")], "") + "…"
	}
	return e
}

// reason tells numbers that are none, or too large, from other errors.
func (d *decoder) reason(err error, column int) string {
	if errors.Is(err, lineprotocol.ErrValueOutOfRange) {
		return Range
	}
	at := d.text[min(column-1, len(d.text)):]
	word := at[:ends(at)]
	if f, err := strconv.ParseFloat(string(word), 64); err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return NaN
	}
	return Syntax
}
