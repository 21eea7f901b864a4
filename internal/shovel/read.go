package shovel

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// readPacks and readBytes are what the engine gives out at once. Without readPacks its client
// has room for a million.
const readPacks, readBytes = 2048, 1 << 20

// A pack is datagrams as the stream has them.
type pack struct {
	seq  uint64 // in the stream
	data []byte
}

// read reads the packs of an engine's stream, from the one of that number on, until ctx ends,
// and closes the channel.
func read(ctx context.Context, e *engine, next uint64, packs chan<- pack) (err error) {
	defer close(packs)
	for ctx.Err() == nil && err == nil {
		data, came := e.recent.get(next)
		switch {
		case data != nil:
			hand(ctx, packs, pack{next, data})
			next++
		case came != nil:
			select {
			case <-came:
			case <-ctx.Done():
			}
		default:
			next, err = readStream(ctx, e, next, packs)
		}
	}
	return err
}

// readStream reads packs out of the files until those that follow are in memory. It returns the
// number of the next one.
func readStream(ctx context.Context, e *engine, next uint64, packs chan<- pack) (uint64, error) {
	c, err := e.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next,
	})
	if err != nil {
		return next, err
	}
	defer forget(ctx, e, c)
	it, err := c.Messages(jetstream.PullMaxMessagesWithBytesLimit(readPacks, readBytes))
	if err != nil {
		return next, err
	}
	defer it.Stop()
	for {
		if data, came := e.recent.get(next); data != nil || came != nil {
			return next, nil
		}
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return next, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return next, err
		}
		hand(ctx, packs, pack{meta.Sequence.Stream, m.Data()})
		next = meta.Sequence.Stream + 1
	}
}

// forget ends a consumer, which the engine would keep for minutes.
func forget(ctx context.Context, e *engine, c jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if info := c.CachedInfo(); info != nil {
		_ = e.stream.DeleteConsumer(ctx, info.Name) // of one that is closed there is none
	}
}

// hand hands a pack over unless ctx ends.
func hand(ctx context.Context, packs chan<- pack, p pack) {
	select {
	case packs <- p:
	case <-ctx.Done():
	}
}
