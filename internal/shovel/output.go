package shovel

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/forward"
	"tallystick/internal/run"
)

const (
	// The most that is sent at once.
	batchDatagrams, batchBytes = 1024, 512 << 10
	// readAhead is how many packs wait for a receiver.
	readAhead = 8
	// keepEvery is how often a place is made durable: what was sent since is sent again after
	// a kill.
	keepEvery = time.Second
	// The waits between attempts, of which half is left to chance.
	firstWait, lastWait = 200 * time.Millisecond, 30 * time.Second
	// stopTime is how long a receiver may take for what was sent when we are to stop.
	stopTime = 5 * time.Second
	// maxRefused is how many datagrams one after the other a receiver may refuse that it is
	// believed. One that refuses more is itself what is wrong.
	maxRefused = 16
)

// An output sends what the queue has.
type output struct {
	name   string
	cfg    Output
	queue  *Queue
	place  *placeFile
	to     receiver
	counts *outputCounts
	log    *slog.Logger

	engine  *engine     // whose packs are sent
	trouble bus.Trouble // why nothing goes
	waiting []item      // read, and not sent
	kept    time.Time   // when the place was
}

// An item is a datagram of a pack.
type item struct {
	Datagram
	pack uint64
	end  bool // the last of its pack
}

// Run sends until ctx ends.
func (o *output) Run(ctx context.Context) error {
	defer o.keep()
	for ctx.Err() == nil {
		e, changed := o.queue.current()
		if e == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if err := o.follow(ctx, e, changed); err != nil && ctx.Err() == nil {
			o.log.Debug("reading the queue broke off", "err", err)
			run.Wait(ctx, firstWait)
		}
	}
	return nil
}

// follow sends what is in the queue and comes into it, until ctx ends, it cannot be read, or
// there is another engine.
func (o *output) follow(ctx context.Context, e *engine, changed <-chan struct{}) error {
	o.waiting, o.engine = o.waiting[:0], e
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	packs, broken := make(chan pack, readAhead), make(chan error, 1)
	go func() { broken <- read(ctx, e, o.place.where().Pack+1, packs) }()
	err := o.sendAll(ctx, packs)
	cancel()
	if why := <-broken; err == nil {
		err = why
	}
	return err
}

// sendAll sends packs, as many at once as there are, until there are no more.
func (o *output) sendAll(ctx context.Context, packs <-chan pack) error {
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		select {
		case p, ok := <-packs:
			if !ok {
				return nil
			}
			o.take(p)
			if err := o.gather(packs); err != nil {
				return err
			}
			if !o.deliver(ctx, packs) {
				return nil
			}
		case <-t.C:
			o.keep()
		}
	}
}

// gather takes what is there already, as much as may be sent at once.
func (o *output) gather(packs <-chan pack) error {
	for size := 0; len(o.waiting) < batchDatagrams && size < batchBytes; {
		select {
		case p, ok := <-packs:
			if !ok {
				return nil
			}
			size += len(p.data)
			o.take(p)
		default:
			return nil
		}
	}
	return nil
}

// take takes a pack out. One that is damaged is left out, and counted.
func (o *output) take(p pack) {
	ds, err := parsePack(p.data)
	if err != nil {
		o.counts.damaged.Inc()
		o.log.Error("left out of the queue", "pack", p.seq, "err", err)
		return
	}
	for i := range ds {
		o.waiting = append(o.waiting, item{ds[i], p.seq, i == len(ds)-1})
	}
}

// deliver sends what is waiting, again and again, and returns true when it is, false if ctx
// has ended before, or what comes behind it cannot be read.
func (o *output) deliver(ctx context.Context, packs <-chan pack) bool {
	wait := firstWait
	for len(o.waiting) > 0 {
		done, err := o.send(ctx, o.waiting)
		o.advance(done, done)
		switch {
		case err == nil:
			o.well()
			continue
		case forward.ReasonOf(err) == forward.Refused && o.pass(ctx, err):
			continue
		case done > 0:
			wait = firstWait
		}
		o.fail(err)
		if !run.Wait(ctx, wait/2+rand.N(wait/2)) {
			return false
		}
		wait = min(2*wait, lastWait)
		// What came behind it: one that is refused is left out only if another is taken.
		if err := o.gather(packs); err != nil {
			return false
		}
	}
	return true
}

// send sends items. What is on its way when ctx ends is waited for.
func (o *output) send(ctx context.Context, items []item) (done int, err error) {
	ctx, cancel := forward.Grace(ctx, stopTime)
	defer cancel()
	ms := make([]forward.Message, len(items))
	room := 0
	for i := range items {
		room += messageSize(&items[i].Datagram)
	}
	buf := make([]byte, 0, room) // a receiver may keep it
	for i := range items {
		d, at := &items[i].Datagram, len(buf)
		buf = o.appendBody(buf, d)
		ms[i] = forward.Message{ID: d.id(), Body: buf[at:len(buf):len(buf)], ContentType: contentType}
	}
	return o.to.Send(ctx, ms)
}

// contentType is the field's.
const contentType = "text/plain"

func (o *output) appendBody(b []byte, d *Datagram) []byte {
	if o.cfg.UDP.Address != "" && !o.cfg.UDP.Messages {
		return append(b, d.Data...)
	}
	return appendMessage(b, d, o.cfg.Envelope)
}

// advance notes that the first n items are done with, so many of which were sent.
func (o *output) advance(n, sent int) {
	if n == 0 {
		return
	}
	at := o.place.where()
	for i := range o.waiting[:n] {
		it := &o.waiting[i]
		if it.Life == at.Life && it.Number > at.Number+1 {
			o.counts.lost.Add(float64(it.Number - at.Number - 1))
		}
		at.Life, at.Number = it.Life, it.Number
		if it.end {
			at.Pack = it.pack
		}
	}
	o.counts.sent.Add(float64(sent))
	o.place.move(o.engine, at)
	o.waiting = o.waiting[n:]
	if time.Since(o.kept) >= keepEvery {
		o.keep()
	}
}

// pass leaves out the first item, which the receiver says it will never take, and those
// behind it that it refuses too, if it takes the one after them. Until then it may refuse
// everything, and is asked again.
func (o *output) pass(ctx context.Context, refused error) bool {
	for n := 1; n < min(len(o.waiting), maxRefused+1); n++ {
		_, err := o.send(ctx, o.waiting[n:n+1])
		if err == nil {
			o.log.Error("the receiver refuses datagrams for good; they are left out",
				"datagrams", n, "first", o.waiting[0].id().String(), "from", o.waiting[0].Remote, "err", refused)
			o.counts.refused.Add(float64(n))
			o.advance(n+1, 1)
			return true
		}
		if forward.ReasonOf(err) != forward.Refused {
			return false
		}
	}
	return false
}

func (o *output) keep() {
	o.kept = time.Now()
	if err := o.place.keep(); err != nil {
		o.log.Error("how far the output is cannot be kept; what was sent is sent again after a restart", "err", err)
	}
}

// fail notes why nothing goes.
func (o *output) fail(err error) {
	o.counts.failures.Inc()
	if o.trouble.Is(err) {
		o.log.Warn("not sent; it is tried again", "err", err)
	} else {
		o.log.Debug("not sent", "err", err)
	}
}

// well notes that something went.
func (o *output) well() {
	if since, was := o.trouble.Over(); was {
		o.log.Info("sent again", "after", time.Since(since).Round(time.Second))
	}
}

// where is what the log is told of the output's receiver.
func (o Output) where() string {
	for _, way := range o.ways() {
		switch way {
		case "amqp":
			return strings.Join(o.AMQP.Broker.URLs, ",") + " " + o.AMQP.Exchange
		case "nats":
			return strings.Join(o.NATS.Broker.URLs, ",") + " " + o.NATS.Subject
		case "stomp":
			return strings.Join(o.STOMP.Broker.URLs, ",") + " " + o.STOMP.Destination
		case "http":
			return o.HTTP.URL
		}
	}
	return o.UDP.Address
}
