package ingest

import (
	"context"
	"fmt"
	"time"

	"tallystick/internal/selector"
)

// Free gives back the blocks at and below levels that end at or before the Unix second,
// and returns how many. A restart does not bring them back. The levels are nodes or
// below nodes.
func (i *Ingest) Free(ctx context.Context, at []selector.Path, before int64) (blocks int, err error) {
	for len(at) > 0 {
		if err := ctx.Err(); err != nil {
			return blocks, err
		}
		n := min(len(at), maxFree)
		f := freeing{in: i, at: at[:n], before: before, record: appendFree(nil, at[:n], before)}
		if err := i.log.Commit(&f); err != nil {
			return blocks, fmt.Errorf("free: %w", err)
		}
		blocks += f.blocks
		at = at[n:]
	}
	return blocks, nil
}

// maxFree is how many levels are freed at once at most: others wait meanwhile.
const maxFree = 64

// A freeing is an entry of the log.
type freeing struct {
	in     *Ingest
	at     []selector.Path
	before int64
	record []byte
	blocks int
}

// Record implements wal.Entry.
func (f *freeing) Record() []byte { return f.record }

// Apply implements wal.Entry.
func (f *freeing) Apply(at time.Time) []byte {
	f.in.begin(at)
	f.blocks = f.in.free(f.at, f.before)
	return nil
}

func (i *Ingest) free(at []selector.Path, before int64) (blocks int) {
	for _, p := range at {
		if i.freed != nil {
			i.freed(p, before)
		}
		blocks += i.store.FreeBefore(p, before)
	}
	return blocks
}
