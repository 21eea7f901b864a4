package archive

import "time"

// A clock is that of the wall, but does not follow it at once where that is set ahead: it
// may be wrong for a while, and a day that is archived too early is not whole.
type clock struct {
	began   time.Time
	ahead   time.Duration // of what has passed since then is the wall, as far as that is believed
	doubt   bool          // it is further ahead
	doubted time.Duration // when that began
}

const (
	slack  = time.Minute // what clocks differ by from one look to the next, and more
	belief = time.Hour   // when it is believed that the wall's clock is ahead
)

// at returns the time at which so much has passed since began, and the wall's clock tells
// this; and how far ahead that is of what is believed.
func (c *clock) at(passed time.Duration, wall time.Time) (now time.Time, jump time.Duration) {
	ahead := wall.Sub(c.began) - passed
	jump = ahead - c.ahead
	switch {
	case jump > slack && !c.doubt:
		c.doubt, c.doubted = true, passed
	case jump <= slack, passed-c.doubted >= belief:
		c.doubt, c.ahead, jump = false, ahead, 0
	}
	return wall.Add(-jump), jump
}
