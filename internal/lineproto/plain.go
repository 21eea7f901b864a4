package lineproto

import (
	"bytes"
	"math"
	"strconv"
)

// plain decodes a line of the common form: printable ASCII, no quotes, no
// backslashes, one field called value, a number. It reports false for every line
// that it is not sure about, which are among others all that are wrong.
func (d *decoder) plain(text []byte) bool {
	text = bytes.TrimSuffix(text, []byte{'\r'})
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\\' || c == '"' {
			return false
		}
	}
	key, rest, ok := bytes.Cut(text, []byte{' '})
	if !ok || len(key) == 0 || key[0] == '#' || !d.plainKey(key) {
		return false
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte("value="))
	if !ok {
		return false
	}
	number, rest, _ := bytes.Cut(rest, []byte{' '})
	return d.plainValue(number) && d.plainTime(bytes.Trim(rest, " "))
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
		case *to != nil:
			return false
		default:
			*to = v
		}
	}
	d.tagged()
	return true
}

func (d *decoder) plainValue(b []byte) bool {
	if len(b) == 0 || b[0] != '-' && b[0] != '.' && (b[0] < '0' || b[0] > '9') {
		return false
	}
	var err error
	switch last := len(b) - 1; b[last] {
	case 'i':
		var v int64
		v, err = strconv.ParseInt(string(b[:last]), 10, 64)
		d.line.Value = float64(v)
	case 'u':
		var v uint64
		v, err = strconv.ParseUint(string(b[:last]), 10, 64)
		d.line.Value = float64(v)
	default:
		d.line.Value, err = strconv.ParseFloat(string(b), 64)
	}
	return err == nil && !math.IsInf(d.line.Value, 0)
}

func (d *decoder) plainTime(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] == '+' { // ParseInt takes it, line protocol does not
		return false
	}
	t, err := strconv.ParseInt(string(b), 10, 64)
	d.line.Time, d.line.HasTime = d.precision.Unix(t), true
	return err == nil
}
