package query

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unsafe"
)

// A Value is a sample. In JSON it has all its digits, so that it reads back as
// the same 64 bits; a gap (NaN) is null. So is an infinity, which only a sum
// over levels that leaves the range of a float64 can give.
type Value float64

// Values are consecutive samples.
type Values []Value

// valuesOf returns the same numbers, not a copy.
func valuesOf(fs []float64) Values {
	return unsafe.Slice((*Value)(unsafe.SliceData(fs)), cap(fs))[:len(fs)] //nolint:gosec // a Value is a float64
}

// floats returns the same numbers, not a copy.
func floats(vs Values) []float64 {
	return unsafe.Slice((*float64)(unsafe.SliceData(vs)), cap(vs))[:len(vs)] //nolint:gosec // a Value is a float64
}

// AppendJSON adds v to b as encoding/json would write a float64.
func (v Value) AppendJSON(b []byte) []byte {
	f := float64(v)
	if short, ok := appendShort(b, f); ok {
		return short
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 is e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

const (
	fine     = 10_000 // parts of one that appendShort knows
	maxShort = 1e15   // below it, digits that differ are doubles that differ
)

// appendShort adds f if it is a number of ten-thousandths, or a whole one, with at most 15
// digits in all: then no shorter digits are the same double, and these are those that
// strconv would take longer to find.
func appendShort(b []byte, f float64) (out []byte, ok bool) {
	if n := int64(f); float64(n) == f && n != 0 && math.Abs(f) < maxShort {
		return strconv.AppendInt(b, n, 10), true
	}
	scaled := math.RoundToEven(f * fine)
	if !(math.Abs(scaled) < maxShort) || scaled/fine != f || scaled == 0 {
		return b, false
	}
	n := int64(scaled)
	if n < 0 {
		b = append(b, '-')
		n = -n
	}
	b = strconv.AppendInt(b, n/fine, 10)
	rest := n % fine
	if rest == 0 {
		return b, true
	}
	b = append(b, '.', '0'+byte(rest/1000), '0'+byte(rest/100%10), '0'+byte(rest/10%10), '0'+byte(rest%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b, true
}

// MarshalJSON returns v in JSON.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// UnmarshalJSON reads a number, or null as a gap.
func (v *Value) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = Value(math.NaN())
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("read value: %w", err)
	}
	*v = Value(f)
	return nil
}

// AppendJSON adds vs to b as an array.
func (vs Values) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	for i, v := range vs {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.AppendJSON(b)
	}
	return append(b, ']')
}

// MarshalJSON returns vs as an array, an empty one if there are none.
func (vs Values) MarshalJSON() ([]byte, error) {
	return vs.AppendJSON(make([]byte, 0, 2+8*len(vs))), nil
}
