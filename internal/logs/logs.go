// Package logs is where a process writes what happens, and how.
//
// It writes to stderr, or to a file that is opened anew when it is told to, so that others can
// rotate it. Where stderr is the journal of systemd, each line begins with its priority, and has
// no time, since the journal has both. What looks like a secret is hidden.
package logs

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"

	"tallystick/internal/secret"
)

// Config is what an operator may choose.
type Config struct {
	Level  slog.Level `koanf:"level"`
	Format Format     `koanf:"format"`
	File   string     `koanf:"file"` // empty: stderr
}

// A Format is how a line of the log is written.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
)

// UnmarshalText reads the name of a format.
func (f *Format) UnmarshalText(text []byte) error {
	if formats := []Format{Text, JSON}; !slices.Contains(formats, Format(text)) {
		return fmt.Errorf("%q is none of %v", text, formats)
	}
	*f = Format(text)
	return nil
}

// A Log is a log whose level can be changed.
type Log struct {
	*slog.Logger
	level slog.LevelVar
	path  string // empty: stderr

	mu  sync.Mutex // held to write
	out io.Writer
}

// Open opens the log of cfg, of which stderr is the process's.
func Open(cfg Config, stderr io.Writer) (*Log, error) {
	if cfg.File == "" {
		return To(stderr, cfg), nil
	}
	l := To(nil, cfg)
	l.path = cfg.File
	return l, l.Reopen()
}

// To returns a log that writes to w, whatever file cfg has.
func To(w io.Writer, cfg Config) *Log {
	l := &Log{out: w}
	l.level.Set(cfg.Level)
	l.Logger = slog.New(l.handler(cfg, isJournal(w)))
	return l
}

// handler returns what makes lines of entries.
func (l *Log) handler(cfg Config, journal bool) slog.Handler {
	form := func(w io.Writer) slog.Handler {
		o := &slog.HandlerOptions{Level: &l.level, ReplaceAttr: hide}
		if journal {
			o.ReplaceAttr = hideWithoutTime
		}
		if cfg.Format == JSON {
			return slog.NewJSONHandler(w, o)
		}
		return slog.NewTextHandler(w, o)
	}
	if journal {
		return newByPriority(l, form)
	}
	return form(l)
}

// Write writes a line.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(line)
}

// Level returns the level, and SetLevel changes it from the next entry on.
func (l *Log) Level() slog.Level { return l.level.Level() }

// SetLevel changes the level.
func (l *Log) SetLevel(to slog.Level) { l.level.Set(to) }

// Reopen opens the file again, which others may have renamed. After an error the file before
// is written to on.
func (l *Log) Reopen() error {
	if l.path == "" {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.close()
	l.out = f
	return err
}

// Rotate is Reopen of who has nobody to tell an error but the log.
func (l *Log) Rotate() {
	if err := l.Reopen(); err != nil {
		l.Error("the log goes on in the file before", "err", err)
	}
}

// Close closes the file. Nothing must be logged after it.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.close()
}

func (l *Log) close() error {
	f, ok := l.out.(io.Closer)
	if l.path == "" || !ok {
		return nil
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

// hide hides what is, or may have, a secret.
func hide(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(secret.Mask(v))
	case error:
		a.Value = slog.StringValue(secret.Mask(v.Error()))
	}
	if secret.IsKey(a.Key) {
		a.Value = slog.StringValue(secret.Hidden)
	}
	return a
}

func hideWithoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return hide(groups, a)
}
