package archive

import (
	"context"
	"fmt"
	"path"
	"time"
)

// Prunable returns the days that the rules say shall go at now, oldest first. The newest
// day never does.
func (c Config) Prunable(days []Listing, now time.Time) (out []Listing) {
	var total int64
	for _, d := range days {
		total += d.Bytes()
	}
	for i, d := range days {
		old := c.Keep > 0 && d.Day.To() <= now.Add(-c.Keep).Unix()
		much := c.MaxBytes > 0 && total > c.MaxBytes
		if i == len(days)-1 || !old && !much {
			break
		}
		out = append(out, d)
		total -= d.Bytes()
	}
	return out
}

// prune removes days by the rules, and returns those that are gone.
func (c Config) prune(ctx context.Context, t Target, now time.Time) (gone []Day, err error) {
	if c.Keep == 0 && c.MaxBytes == 0 {
		return nil, nil
	}
	days, err := list(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, d := range c.Prunable(days, now) {
		if err := remove(ctx, t, d); err != nil {
			return gone, err
		}
		gone = append(gone, d.Day)
	}
	return gone, nil
}

// remove removes a day, the manifest last: as long as it is there, who looks sees that
// something is missing, and the next prune goes on.
func remove(ctx context.Context, t Target, d Listing) error {
	var last []string
	for _, o := range d.Objects {
		if path.Base(o.Name) == manifestName {
			last = append(last, o.Name)
			continue
		}
		if err := t.Remove(ctx, o.Name); err != nil {
			return fmt.Errorf("remove %v: %w", d.Day, err)
		}
	}
	for _, name := range last {
		if err := t.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove %v: %w", d.Day, err)
		}
	}
	return nil
}
