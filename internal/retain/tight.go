package retain

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A Tight store makes room where a Write finds none: it frees the oldest of what is saved,
// as its Pressure does a second later. It is for what nobody can be told to send again:
// what the log has at a start, and what packets tell.
type Tight struct {
	*store.Store

	Pressure *Pressure
	Now      func() time.Time

	vain atomic.Int64 // Unix second in which there was nothing to free
}

// Write does what that of the store does.
func (s *Tight) Write(at selector.Path, pts ...store.Point) (n int, err error) {
	for {
		written, err := s.Store.Write(at, pts[n:]...)
		if n += written; !errors.Is(err, store.ErrFull) || !s.relieve() {
			return n, err
		}
	}
}

// relieve reports whether anything was freed. It is asked once a second if there is
// nothing: it looks at all blocks.
func (s *Tight) relieve() bool {
	now := s.Now()
	if s.vain.Load() == now.Unix() {
		return false
	}
	p := s.Pressure
	freed := p.relieve(context.Background(), now, p.Store.Stats().Live-int64(least*float64(p.Max)))
	p.compact()
	if p.blocks.Add(int64(freed)); freed == 0 {
		s.vain.Store(now.Unix())
	}
	return freed > 0
}
