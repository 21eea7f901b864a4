package forward

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

const (
	// pageSize is how many transfers are sent at once: some 700 KB.
	pageSize = 512
	// every is how often a Worker looks whether there is something.
	every = time.Second
	// The waits between attempts, of which half is left to chance.
	firstWait, lastWait = time.Second, time.Minute
	// stopTime is how long a receiver may take for what was sent when we are to stop.
	stopTime = 5 * time.Second
)

// A Ledger has the transfers that have ended, and events: ledger.Ledger.
type Ledger interface {
	Told(after ledger.Place, upTo int64, limit int) []*transfer.Transfer
	ToldAfter(p ledger.Place) int
	ToldEvents(provider string, after ledger.Place, upTo int64, limit int) []transfer.Event
	ToldEventsAfter(provider string, p ledger.Place) int
	Settled() int64
}

// A Worker is one output: it hands on what has ended.
type Worker struct {
	name   string
	cfg    Output
	all    Config
	ledger Ledger
	sender Sender
	places places
	counts *counts
	log    *slog.Logger

	at    place
	kept  place                        // what its file has
	shown atomic.Pointer[ledger.Place] // at, for others
	held  held
}

// Name returns the name of the output.
func (w *Worker) Name() string { return w.name }

// Begin finds the place where the output was. It is called when the ledger is as it was
// before the restart, and nothing new has come. Up to the number sure the ledger's order
// is what it was; what was sent beyond it is sent again, since it may be something else.
func (w *Worker) Begin(sure int64) error {
	at, known, err := w.places.load(w.name)
	if err != nil {
		return err
	}
	if !known && !w.cfg.History {
		at.Place = after(w.ledger.Settled())
	}
	if most := after(sure); most.Before(at.Place) {
		w.log.Warn("records: part of the log is lost; what may have been sent already is sent again",
			"sent", at.Sequence, "again_after", sure)
		at.Place = most
	}
	if f, ok := w.sender.(*writer); ok {
		f.resume(at.File, at.Size)
	}
	w.kept = at
	w.moveTo(at)
	if known {
		return nil
	}
	return w.places.save(w.name, at) // so that it is known what is new
}

func (w *Worker) moveTo(at place) {
	w.at = at
	w.shown.Store(&at.Place)
}

// Run sends until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	wait := firstWait
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		more, err := w.Step(ctx)
		switch {
		case err != nil:
			t.Reset(wait/2 + rand.N(wait/2))
			wait = min(2*wait, lastWait)
		case more:
			wait = firstWait
			t.Reset(0)
		default:
			wait = firstWait
			t.Reset(every)
		}
	}
}

// Step sends what is due, a page at most, and reports whether there may be more. An error
// has been counted and told.
func (w *Worker) Step(ctx context.Context) (more bool, err error) {
	more, err = w.page(ctx)
	if err != nil {
		w.fail(ctx, ReasonOf(err), err)
	}
	return more, err
}

func (w *Worker) page(ctx context.Context) (more bool, err error) {
	if err := w.keep(w.at); err != nil { // that failed the last time
		return false, err
	}
	upTo := w.held.upTo(time.Now(), w.ledger.Settled(), w.all.Hold)
	page := w.told(upTo)
	if len(page) == 0 {
		return false, nil
	}
	if err := w.prepare(); err != nil {
		return false, err
	}
	n, _, err := w.send(ctx, page)
	if err := w.advance(page[:n]); err != nil {
		return false, err
	}
	if err != nil && ReasonOf(err) == Refused {
		err = w.pass(ctx, page[n:], err)
	}
	if err != nil {
		return false, err
	}
	w.counts.ok()
	return n < len(page) || n == pageSize, nil
}

// prepare has a file ready, and notes up to where it has what was acknowledged before
// anything is written behind that.
func (w *Worker) prepare() error {
	f, ok := w.sender.(*writer)
	if !ok {
		return nil
	}
	if err := f.ready(); err != nil {
		return failed(Disk, err)
	}
	at := w.at
	at.File, at.Size = f.tail()
	return w.keep(at)
}

// send sends what the output takes of a page. It returns how many items are done
// with, and how many of them were sent.
func (w *Worker) send(ctx context.Context, page []item) (n, sent int, err error) {
	ctx, cancel := Grace(ctx, stopTime)
	defer cancel()
	var ms []Message
	var places []int // in page
	for i, it := range page {
		if it.skip != "" {
			continue
		}
		body, err := it.body()
		if err != nil {
			w.fail(ctx, Unencoded, err)
			continue
		}
		ms, places = append(ms, Message{ID: it.id, Body: body}), append(places, i)
	}
	if len(ms) == 0 {
		return len(page), 0, nil
	}
	sent, err = w.sender.Send(ctx, ms)
	w.counts.sent.Add(float64(sent))
	if err != nil {
		return places[sent], sent, err
	}
	return len(page), sent, nil
}

// maxRefused is how many records one after the other a receiver may refuse that it is
// believed. One that refuses more is itself what is wrong.
const maxRefused = 16

// pass leaves out the first of ts, which the receiver says it will never take, and those
// after it that it refuses too: when it takes another one. Until then it may refuse
// everything, and is asked again.
func (w *Worker) pass(ctx context.Context, ts []item, refused error) error {
	n := 1
	for i := 1; i < len(ts) && n <= maxRefused; i++ {
		_, sent, err := w.send(ctx, ts[i:i+1])
		switch {
		case err == nil && sent == 0: // it is none of this output's
		case err == nil:
			w.log.Error("records: the receiver refuses records for good; they are left out",
				"records", n, "first", ts[0].id.String(), "before", ts[i].id.String(), "err", refused)
			w.counts.refused.Add(float64(n))
			return w.advance(ts[:i+1])
		case ReasonOf(err) != Refused:
			return err
		default:
			n++
		}
	}
	return refused
}

// Grace returns a context that ends so long after ctx does.
func Grace(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(after)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-later.Done():
		}
	})
	return later, func() { stop(); cancel() }
}

// advance notes that these are done with.
func (w *Worker) advance(ts []item) error {
	if len(ts) == 0 {
		return nil
	}
	for _, it := range ts {
		if it.skip != "" {
			w.counts.skipped[it.skip].Inc()
		}
	}
	at := place{Place: ts[len(ts)-1].place}
	if f, ok := w.sender.(*writer); ok {
		at.File, at.Size = f.tail()
	}
	return w.keep(at)
}

// keep moves to a place, and makes that durable.
func (w *Worker) keep(at place) error {
	w.moveTo(at)
	if at == w.kept {
		return nil
	}
	if err := w.places.save(w.name, at); err != nil {
		return failed(Disk, err)
	}
	w.kept = at
	return nil
}

func (w *Worker) fail(ctx context.Context, why Reason, err error) {
	w.counts.errors[why].Inc()
	level := slog.LevelDebug
	if w.counts.fails() {
		level = slog.LevelWarn
	}
	w.log.Log(ctx, level, "records: not sent", "reason", why, "err", err)
}

// gone counts what is at a place, which the ledger had to let go, if it was still to be
// sent.
func (w *Worker) gone(p ledger.Place, leaves string) {
	at := w.shown.Load()
	if p.Sequence != 0 && at != nil && at.Before(p) && leaves == "" {
		w.counts.lost.Inc()
	}
}

// waiting returns how many transfers or events are still to be looked at, those included
// that the output will leave out.
func (w *Worker) waiting() float64 {
	at := w.shown.Load()
	switch {
	case at == nil:
		return math.NaN()
	case w.cfg.Of.events():
		return float64(w.ledger.ToldEventsAfter(string(w.cfg.Of), *at))
	}
	return float64(w.ledger.ToldAfter(*at))
}

// where returns what the output is told as in the log.
func (o Output) where() string {
	if o.HTTP.URL != "" {
		host, _, _ := strings.Cut(o.HTTP.URL, "?") // there may be a secret behind it
		return host
	}
	return o.File.Path + o.NATS.Subject + o.AMQP.Exchange
}
