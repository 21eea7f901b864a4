package lineproto

import (
	"fmt"
	"math"
)

// A Precision is the unit of the times in a body.
type Precision uint8

// The precisions. Auto takes the unit from the magnitude of each time; it is
// right for every time between 1973 and 5138, and for all seconds before.
const (
	Auto Precision = iota
	Second
	Millisecond
	Microsecond
	Nanosecond
	Minute
	Hour
)

// ParsePrecision returns the precision that s names: s, ms, us, ns or auto,
// and m and h, which old clients of InfluxDB have; empty is auto.
func ParsePrecision(s string) (Precision, error) {
	switch s {
	case "", "auto":
		return Auto, nil
	case "s":
		return Second, nil
	case "ms":
		return Millisecond, nil
	case "us":
		return Microsecond, nil
	case "ns":
		return Nanosecond, nil
	case "m":
		return Minute, nil
	case "h":
		return Hour, nil
	}
	return Auto, fmt.Errorf("precision %q is none of s, ms, us, ns, auto", s)
}

// Unix returns the Unix second that t, in units of p, lies in: the fraction is
// cut towards the past, before 1970 too.
func (p Precision) Unix(t int64) int64 {
	switch p {
	case Minute:
		return times(t, 60)
	case Hour:
		return times(t, 3600)
	case Auto, Second, Millisecond, Microsecond, Nanosecond:
	}
	unit := p.perSecond(t)
	s := t / unit
	if t%unit < 0 {
		s--
	}
	return s
}

func (p Precision) perSecond(t int64) int64 {
	switch p {
	case Second:
		return 1
	case Millisecond:
		return 1e3
	case Microsecond:
		return 1e6
	case Nanosecond:
		return 1e9
	case Auto, Minute, Hour:
	}
	return guess(t)
}

// times returns t*n, the largest or smallest number where that is beyond it: no
// window of times has either.
func times(t, n int64) int64 {
	switch {
	case t > math.MaxInt64/n:
		return math.MaxInt64
	case t < math.MinInt64/n:
		return math.MinInt64
	}
	return t * n
}

// guess returns the units per second that bring t between 1973 and 5138.
func guess(t int64) int64 {
	unit := int64(1)
	for limit := int64(1e11); (t >= limit || t <= -limit) && unit < 1e9; limit *= 1e3 {
		unit *= 1e3
	}
	return unit
}
