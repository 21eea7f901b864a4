package lineproto

import (
	"bytes"
	"math"
	"strconv"
)

// usual decodes the line that comes again and again: a key that is known, one field that is
// called value, and a time, each behind one space. It reports false for every other line,
// and is the only thing that is done for most.
func (d *decoder) usual(text []byte, number int) bool {
	const name = "value="
	if d.options.Known == nil || len(text) == 0 {
		return false
	}
	n := d.options.Known(text)
	d.known = n
	if n == 0 || len(text) <= n+len(name)+1 || string(text[n+1:n+1+len(name)]) != name {
		return false
	}
	rest := text[n+1+len(name):]
	v, used, ok := decimal(rest)
	if !ok || used == len(rest) || rest[used] != ' ' || !d.usualTime(rest[used+1:]) {
		return false
	}
	q := &d.quick
	d.one[0] = Field{Name: text[n+1 : n+len(name)], Value: v}
	q.Number, q.Key, q.Known, q.Fields, q.HasTime = number, text[:n], true, d.one[:], true
	return true
}

// usualTime reads the time, which is mostly that of the line before.
func (d *decoder) usualTime(b []byte) bool {
	if len(d.clock) > 0 && bytes.Equal(b, d.clock) {
		return true
	}
	if len(b) == 0 || b[0] < '0' || b[0] > '9' {
		return false
	}
	t, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return false
	}
	d.quick.Time, d.clock = d.options.Precision.Unix(t), b
	return true
}

// maxDigits is how many digits make a whole number that a double holds exactly.
const maxDigits = 15

// decimal reads the number that b begins with, up to the first byte that is none of it, if
// it is so short that it is the quotient of two exact doubles, which rounds as it should
// (Clinger, How to read floating point numbers accurately, 1990). What is longer, or has an
// exponent, is not ok.
func decimal(b []byte) (v float64, n int, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		n++
	}
	whole, digits := uint64(0), 0
	point := -1 // digits before it
	for ; n < len(b) && digits <= maxDigits; n++ {
		c := b[n] - '0'
		if c <= 9 {
			whole = whole*10 + uint64(c)
			digits++
		} else if b[n] == '.' && point < 0 {
			point = digits
		} else {
			break
		}
	}
	if digits == 0 || digits > maxDigits {
		return 0, n, false
	}
	v = float64(whole)
	if point >= 0 {
		v /= math.Pow10(digits - point)
	} else if n < len(b) && b[n] == 'i' {
		n++
		negative = negative && whole > 0 // an integer has no sign of zero
	}
	if negative {
		v = -v
	}
	return v, n, true
}
