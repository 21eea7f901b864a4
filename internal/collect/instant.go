package collect

import "time"

// An instant is a time in Unix nanoseconds; 0: none. A file has seven, and most of what
// is done with them is to compare them.
type instant int64

func instantOf(t time.Time) instant { return instant(t.UnixNano()) }

func (t instant) time() time.Time { return time.Unix(0, int64(t)) }

// IsZero reports whether t is none, as encoding/json asks.
func (t instant) IsZero() bool { return t == 0 }

// Unix returns t in seconds.
func (t instant) Unix() int64 { return t.time().Unix() }

// Add returns the time that is d after t.
func (t instant) Add(d time.Duration) instant { return t + instant(d) }

// Sub returns how long after u t is.
func (t instant) Sub(u instant) time.Duration { return time.Duration(t - u) }

// MarshalText implements encoding.TextMarshaler, as time.Time does.
func (t instant) MarshalText() ([]byte, error) {
	if t == 0 {
		return time.Time{}.MarshalText()
	}
	return t.time().UTC().MarshalText()
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *instant) UnmarshalText(b []byte) error {
	var is time.Time
	if err := is.UnmarshalText(b); err != nil {
		return err
	}
	*t = 0
	if !is.IsZero() {
		*t = instantOf(is)
	}
	return nil
}
