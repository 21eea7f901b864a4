package bus

import (
	"context"
	"time"
)

// TakeAll takes messages one after the other until ctx ends, and returns true then, or
// false when there are no more. take returns false for one that must be taken later: it
// is held, and tried again after so long, as often as need be. A broker that bounds what
// it gives out bounds what is held. Nothing is given back in between: some brokers drop
// a message that was given back too often.
func TakeAll[M any](ctx context.Context, messages <-chan M, retry time.Duration, take func(m M, again bool) bool) bool {
	h := holder[M]{retry: retry, take: take, timer: time.NewTimer(retry)}
	defer h.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return true
		case m, ok := <-messages:
			if !ok {
				return false
			}
			if !take(m, false) {
				h.hold(m)
			}
		case <-h.timer.C:
			h.again(ctx)
		}
	}
}

// A holder holds messages, those that are due first in front.
type holder[M any] struct {
	retry time.Duration
	take  func(m M, again bool) bool
	held  []held[M]
	timer *time.Timer
}

type held[M any] struct {
	message M
	due     time.Time
}

func (h *holder[M]) hold(m M) {
	if len(h.held) == 0 {
		h.timer.Reset(h.retry)
	}
	h.held = append(h.held, held[M]{m, time.Now().Add(h.retry)})
}

// again tries those that are due, each once.
func (h *holder[M]) again(ctx context.Context) {
	for range len(h.held) {
		first := h.held[0]
		if ctx.Err() != nil || time.Until(first.due) > 0 {
			break
		}
		h.held = h.held[1:]
		if !h.take(first.message, true) {
			h.held = append(h.held, held[M]{first.message, time.Now().Add(h.retry)})
		}
	}
	if len(h.held) > 0 {
		h.timer.Reset(time.Until(h.held[0].due))
	}
}
