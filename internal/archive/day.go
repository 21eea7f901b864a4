package archive

import (
	"fmt"
	"time"
)

// A Day is one in UTC, counted from the epoch.
type Day int64

// daySeconds is how long each of them is: Unix time has no leap seconds.
const daySeconds = 24 * 60 * 60

// DayOf returns the day that has the Unix second.
func DayOf(sec int64) Day {
	day := sec / daySeconds
	if sec%daySeconds < 0 {
		day--
	}
	return Day(day)
}

// ParseDay reads what String writes.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a day such as %s", s, time.DateOnly)
	}
	return DayOf(t.Unix()), nil
}

// String returns the day as 2006-01-02.
func (d Day) String() string { return time.Unix(d.From(), 0).UTC().Format(time.DateOnly) }

// From returns the first Unix second of the day.
func (d Day) From() int64 { return int64(d) * daySeconds }

// To returns the first Unix second after the day.
func (d Day) To() int64 { return d.From() + daySeconds }

// MarshalText writes what String writes.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes.
func (d *Day) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDay(string(text))
	return err
}
