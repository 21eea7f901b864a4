package ingest

import (
	"fmt"
	"math"
	"time"
)

// A window is the times that samples may have, in Unix seconds.
type window struct{ first, last int64 }

// window returns the times that are taken at now.
func (i *Ingest) window(now time.Time) window { return i.windowOf(now, i.cfg.Retention) }

func (i *Ingest) windowOf(now time.Time, retention time.Duration) window {
	w := window{first: math.MinInt64, last: now.Add(i.cfg.Future).Unix()}
	if retention > 0 {
		w.first = now.Add(-retention).Unix()
	}
	return w
}

// check returns the reason why t is refused, and a text for people; empty if it is not.
func (w window) check(t int64) (reason, text string) {
	switch {
	case t > w.last:
		return ReasonFuture, fmt.Sprintf("time %d is %d s too far ahead", t, t-w.last)
	case t < w.first:
		return ReasonOld, fmt.Sprintf("time %d is %d s too old", t, w.first-t)
	}
	return "", ""
}
