package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
)

// isJournal reports whether w is the stream that systemd has connected to its journal
// ($JOURNAL_STREAM, systemd.exec(5)): a variable alone may be inherited.
func isJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

// byPriority begins lines with the priority of their level, as sd-daemon(3) has it.
type byPriority struct {
	debug, info, warning, failure slog.Handler
}

func newByPriority(w io.Writer, form func(io.Writer) slog.Handler) *byPriority {
	of := func(priority string) slog.Handler { return form(prefixed{w, priority}) }
	return &byPriority{debug: of("<7>"), info: of("<6>"), warning: of("<4>"), failure: of("<3>")}
}

func (h *byPriority) at(level slog.Level) slog.Handler {
	switch {
	case level >= slog.LevelError:
		return h.failure
	case level >= slog.LevelWarn:
		return h.warning
	case level >= slog.LevelInfo:
		return h.info
	}
	return h.debug
}

// Enabled implements slog.Handler.
func (h *byPriority) Enabled(ctx context.Context, level slog.Level) bool {
	return h.at(level).Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *byPriority) Handle(ctx context.Context, r slog.Record) error {
	return h.at(r.Level).Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *byPriority) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *byPriority) WithGroup(name string) slog.Handler {
	return h.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (h *byPriority) each(with func(slog.Handler) slog.Handler) *byPriority {
	return &byPriority{debug: with(h.debug), info: with(h.info), warning: with(h.warning), failure: with(h.failure)}
}

// prefixed writes each line behind a prefix.
type prefixed struct {
	w      io.Writer
	prefix string
}

func (p prefixed) Write(line []byte) (int, error) {
	if _, err := p.w.Write(append([]byte(p.prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}
