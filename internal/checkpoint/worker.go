package checkpoint

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// A Saver saves everything there is. *Dir is the real one.
type Saver interface {
	Save(ctx context.Context) (Info, error)
}

// A Worker saves at a fixed interval and once more when it is stopped.
type Worker struct {
	Saver Saver
	Every time.Duration
	Grace time.Duration // for the last save, after the context has ended
	Due   func() bool   // is asked every second whether to save early; nil: never
	Log   *slog.Logger
}

const lookEvery = time.Second

// Run saves every w.Every until ctx ends. It returns an error only when the last
// save fails: one in between is tried again at the next tick.
func (w *Worker) Run(ctx context.Context) error {
	t, look := time.NewTicker(w.Every), time.NewTicker(lookEvery)
	defer t.Stop()
	defer look.Stop()
	for {
		select {
		case <-t.C:
			w.try(ctx)
		case <-look.C:
			if w.Due != nil && w.Due() {
				w.try(ctx)
				t.Reset(w.Every)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Grace)
			defer cancel()
			if err := w.Step(last); err != nil {
				return fmt.Errorf("last checkpoint: %w", err)
			}
			return nil
		}
	}
}

func (w *Worker) try(ctx context.Context) {
	// A save that is cut short by the end of ctx is made good by the last one.
	if err := w.Step(ctx); err != nil && ctx.Err() == nil {
		w.Log.Error("checkpoint failed", "err", err)
	}
}

// Step saves once.
func (w *Worker) Step(ctx context.Context) error {
	info, err := w.Saver.Save(ctx)
	if err != nil {
		return err
	}
	w.Log.Info("checkpoint saved", "path", info.Path, "bytes", info.Bytes, "blocks", info.Blocks,
		"transfers", info.Transfers, "claims", info.Claims, "took", info.Took)
	return nil
}
