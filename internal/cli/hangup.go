package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// UntilHangup returns a context that also ends when the terminal that there may be is closed:
// no reason to lose anything.
func UntilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	return context.WithCancel(ctx)
}

// OnHangup calls do for each SIGHUP, until ctx ends.
func OnHangup(ctx context.Context, do func()) error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP)
	defer signal.Stop(told)
	for {
		select {
		case <-told:
			do()
		case <-ctx.Done():
			return nil
		}
	}
}
