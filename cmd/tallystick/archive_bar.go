package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"tallystick/internal/archive"
)

// A bar tells one who waits how far it is: as a bar on a terminal, else in lines.
type bar struct {
	out         io.Writer
	what        string
	drawn       *progressbar.ProgressBar // nil: it is no terminal
	next        time.Time
	done, total int64
}

func newBar(out io.Writer, what string, days []archive.Listing) *bar {
	b := &bar{out: out, what: what, next: time.Now().Add(progressEvery)}
	for _, d := range days {
		b.total += d.Bytes()
	}
	if isTerminal(out) {
		b.drawn = progressbar.NewOptions64(b.total,
			progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return b
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// add tells that so many bytes more are done.
func (b *bar) add(n int64) {
	b.done += n
	if b.drawn != nil {
		_ = b.drawn.Set64(min(b.done, b.total)) // it is only for show
		return
	}
	if now := time.Now(); !now.Before(b.next) {
		b.next = now.Add(progressEvery)
		fmt.Fprintf(b.out, "%s: %d of %d MB\n", b.what, b.done/1e6, b.total/1e6)
	}
}

// clear makes room for a line of text.
func (b *bar) clear() {
	if b.drawn != nil {
		_ = b.drawn.Clear()
	}
}

func (b *bar) finish() {
	if b.drawn != nil {
		_ = b.drawn.Finish()
	}
}
