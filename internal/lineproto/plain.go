package lineproto

import (
	"bytes"
	"math"
	"strconv"
)

// plain decodes a line of the common form: printable ASCII, no quotes, no
// backslashes, fields that are numbers or booleans. It reports false for every
// line that it is not sure about, which are among others all that are wrong.
func (d *decoder) plain(text []byte) bool {
	text = bytes.TrimSuffix(text, []byte{'\r'})
	key, rest, ok := bytes.Cut(text, []byte{' '})
	if !ok || len(key) == 0 || key[0] == '#' {
		return false
	}
	d.line.Key = key
	d.line.Known = d.known > 0
	if !d.line.Known && (!printable(key) || !d.plainKey(key)) || !printable(rest) {
		return false
	}
	fields, rest, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte{' '})
	return d.plainFields(fields) && d.plainTime(bytes.Trim(rest, " "))
}

// printable reports whether b has nothing but printable ASCII, and neither quotes
// nor backslashes.
func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' || c == '\\' || c == '"' {
			return false
		}
	}
	return true
}

func (d *decoder) plainFields(b []byte) bool {
	for more := true; more; {
		var one []byte
		one, b, more = bytes.Cut(b, []byte{','})
		name, value, ok := bytes.Cut(one, []byte{'='})
		if !ok || len(name) == 0 || !d.options.All && string(name) != "value" {
			return false
		}
		v, ok := plainValue(value)
		if !ok {
			return false
		}
		d.add(Field{Name: name, Value: v})
	}
	d.line.Fields = d.fields
	return true
}

func (d *decoder) plainKey(key []byte) bool {
	metric, tags, more := bytes.Cut(key, []byte{','})
	if len(metric) == 0 {
		return false
	}
	d.line.Metric = metric
	for more {
		var one []byte
		one, tags, more = bytes.Cut(tags, []byte{','})
		k, v, _ := bytes.Cut(one, []byte{'='})
		if len(k) == 0 || len(v) == 0 || bytes.IndexByte(v, '=') >= 0 {
			return false
		}
		switch to := d.slot(k); {
		case to == nil:
			d.other(k, v)
		case *to != nil:
			return false
		default:
			*to = v
		}
	}
	d.tagged()
	return true
}

func plainValue(b []byte) (v float64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	if b[0] != '-' && b[0] != '.' && (b[0] < '0' || b[0] > '9') {
		return plainBool(b)
	}
	var err error
	switch last := len(b) - 1; b[last] {
	case 'i':
		var n int64
		n, err = strconv.ParseInt(string(b[:last]), 10, 64)
		v = float64(n)
	case 'u':
		var n uint64
		n, err = strconv.ParseUint(string(b[:last]), 10, 64)
		v = float64(n)
	default:
		v, err = strconv.ParseFloat(string(b), 64)
	}
	return v, err == nil && !math.IsInf(v, 0)
}

func plainBool(b []byte) (v float64, ok bool) {
	switch string(b) {
	case "t", "T", "true", "True", "TRUE":
		return 1, true
	case "f", "F", "false", "False", "FALSE":
		return 0, true
	}
	return 0, false
}

func (d *decoder) plainTime(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] == '+' { // ParseInt takes it, line protocol does not
		return false
	}
	t, err := strconv.ParseInt(string(b), 10, 64)
	d.line.Time, d.line.HasTime = d.options.Precision.Unix(t), true
	return err == nil
}
