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
// save fails: one in between is tried again at the next tick, and not before: a disk that
// is full would be filled every second, and the log may have need of it.
func (w *Worker) Run(ctx context.Context) error {
	t, look := time.NewTicker(w.Every), time.NewTicker(lookEvery)
	defer t.Stop()
	defer look.Stop()
	for well := true; ; {
		select {
		case <-t.C:
			well = w.try(ctx)
		case <-look.C:
			if well && w.Due != nil && w.Due() {
				well = w.try(ctx)
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

func (w *Worker) try(ctx context.Context) (well bool) {
	err := w.Step(ctx)
	if err != nil && ctx.Err() == nil { // one that is cut short is made good by the last one
		w.Log.Error("checkpoint failed", "err", err)
	}
	return err == nil
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
