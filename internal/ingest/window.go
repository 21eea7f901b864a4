package ingest

import (
	"fmt"
	"math"
	"time"

	"tallystick/internal/metric"
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

// tooOld returns why a sample is older than its metric is kept in its cluster,
// empty if it is not. It looks at the rules only for what is older than all keep.
func (i *Ingest) tooOld(now int64, cluster string, id metric.ID, t int64) string {
	if i.cfg.Keep == nil || t >= now-int64(i.cfg.Sure/time.Second) {
		return ""
	}
	keep := i.cfg.Keep(cluster, i.table.At(id).Name)
	if first := now - int64(keep/time.Second); t < first {
		return fmt.Sprintf("time %d is %d s too old: this metric is kept for %v", t, first-t, keep)
	}
	return ""
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
