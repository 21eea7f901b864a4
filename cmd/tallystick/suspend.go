package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// A suspender answers a terminal's Ctrl-Z (SIGTSTP): it saves, and then stops
// the process as the terminal expects. What comes in before it is continued waits
// in the kernel, as far as it fits.
type suspender struct {
	save func(context.Context) error
	log  *slog.Logger
}

// Run suspends the process whenever it is told to, until ctx ends.
func (s *suspender) Run(ctx context.Context) error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTSTP)
	defer signal.Stop(told)
	for {
		select {
		case <-told:
			s.suspend(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *suspender) suspend(ctx context.Context) {
	if err := s.save(ctx); err != nil {
		s.log.Error("save before suspending", "err", err)
	}
	s.log.Info("suspended; continue with fg or SIGCONT")
	// SIGSTOP, since this process catches SIGTSTP; the shell sees the same.
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		s.log.Error("suspend", "err", err)
	}
	s.log.Info("continued")
}
