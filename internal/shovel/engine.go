package shovel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName = "shovel" // also its subject
	// engineTime is how long the engine may take for anything.
	engineTime = 20 * time.Second
	// lookAfter is how long the engine may be silent until it is looked at.
	lookAfter = 200 * time.Millisecond
	// spare is what the store may take besides the stream, in bytes.
	spare = 64 << 20
)

// An engine is a JetStream server inside the process, that nobody outside can reach, with
// one stream in files.
type engine struct {
	srv    *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	recent *recent
}

// openEngine opens the stream in cfg.Dir, and makes it if it is not there.
func openEngine(ctx context.Context, cfg QueueConfig) (e *engine, err error) {
	e = &engine{}
	defer func() {
		if err != nil {
			e.close()
			err = fmt.Errorf("open the queue in %s: %w", cfg.Dir, err)
		}
	}()
	options := server.Options{
		ServerName: "shovel", DontListen: true, NoLog: true, NoSigs: true, StoreDir: cfg.Dir, JetStream: true,
		JetStreamMaxMemory: 1 << 20, JetStreamMaxStore: cfg.MaxBytes + spare,
		SyncInterval: cfg.Sync, SyncAlways: cfg.Sync == 0,
	}
	if e.srv, err = server.NewServer(&options); err != nil {
		return e, err
	}
	go e.srv.Start()
	if !e.srv.ReadyForConnections(engineTime) || !e.srv.JetStreamEnabled() {
		return e, errors.New("its server does not start")
	}
	if e.nc, err = nats.Connect("", nats.InProcessServer(e.srv), nats.Timeout(engineTime), nats.NoReconnect()); err != nil {
		return e, err
	}
	if e.js, err = jetstream.New(e.nc, jetstream.WithDefaultTimeout(engineTime)); err != nil {
		return e, err
	}
	return e, e.open(ctx, cfg)
}

// open finds the stream, and gives it the bounds of cfg.
func (e *engine) open(ctx context.Context, cfg QueueConfig) (err error) {
	want := jetstream.StreamConfig{
		Name: streamName, Subjects: []string{streamName}, Storage: jetstream.FileStorage, MaxBytes: cfg.MaxBytes, MaxAge: cfg.MaxAge,
		Discard: jetstream.DiscardOld, AllowDirect: true,
	}
	if cfg.Full == DropNewest {
		want.Discard = jetstream.DiscardNew
	}
	old, err := e.js.Stream(ctx, streamName)
	switch {
	case err == nil:
		want.Metadata = old.CachedInfo().Config.Metadata
		e.stream, err = e.js.UpdateStream(ctx, want)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		e.stream, err = e.js.CreateStream(ctx, want)
	}
	if err != nil {
		return err
	}
	e.recent = newRecent(e.stream.CachedInfo().State.LastSeq)
	return nil
}

// The keys of the stream's metadata: what its life is called, and in which life of the machine
// it began.
const lifeKey, bootKey = "life", "boot"

// life returns what the stream's life is called, and the number of the next datagram in it. It
// goes on if that is known for sure; else fresh begins: a machine that lost its power may have
// lost numbers that were sent already.
func (e *engine) life(ctx context.Context, fresh, boot string) (life string, next uint64, err error) {
	cfg := e.stream.CachedInfo().Config
	life = cfg.Metadata[lifeKey]
	if life != "" && boot != "" && cfg.Metadata[bootKey] == boot {
		if next, ok := e.next(ctx, life); ok {
			return life, next, nil
		}
	}
	cfg.Metadata = map[string]string{lifeKey: fresh, bootKey: boot}
	e.stream, err = e.js.UpdateStream(ctx, cfg)
	return fresh, 1, err
}

// next returns the number of the next datagram of a life, false if it is not known any more.
func (e *engine) next(ctx context.Context, life string) (uint64, bool) {
	state := e.stream.CachedInfo().State
	if state.Msgs == 0 {
		return 1, state.LastSeq == 0
	}
	last, err := e.stream.GetLastMsgForSubject(ctx, streamName)
	if err != nil {
		return 0, false
	}
	ds, err := parsePack(last.Data)
	switch {
	case err != nil:
		return 0, false
	case ds[0].Life != life:
		return 1, true
	}
	return ds[len(ds)-1].Number + 1, true
}

// beginning returns the place before the first pack, as far as it is known.
func (e *engine) beginning(ctx context.Context) place {
	state := e.stream.CachedInfo().State
	if state.Msgs == 0 {
		return place{}
	}
	first, err := e.stream.GetMsg(ctx, state.FirstSeq)
	if err != nil {
		return place{}
	}
	ds, err := parsePack(first.Data)
	if err != nil {
		return place{} // who reads it tells
	}
	return place{Pack: state.FirstSeq - 1, Life: ds[0].Life, Number: ds[0].Number - 1}
}

// bootID returns what tells the lives of the machine apart, empty if nothing does
// (random(4)).
func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// errOff is the error of an engine that has given up its files.
var errOff = errors.New("its server has stopped using the disk, which fails or is full")

// put puts a pack into the stream, and keeps it for those who read. A server that gives up its
// files, or cannot write them, does not answer.
func (e *engine) put(ctx context.Context, pack []byte) error {
	answer, err := e.js.PublishAsync(streamName, pack)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	t := time.NewTicker(lookAfter)
	defer t.Stop()
	for {
		select {
		case ack := <-answer.Ok():
			e.recent.add(ack.Sequence, pack)
			return nil
		case err := <-answer.Err():
			return err
		case <-t.C:
			if err := e.failed(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// failed returns why the engine takes nothing any more, nil if it may be slow: it waits as long as
// the disk does.
func (e *engine) failed() error {
	h := e.srv.Healthz(&server.HealthzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Stream: streamName})
	if h.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%w: %s", errOff, h.Error)
}

func (e *engine) close() {
	if e.nc != nil {
		e.nc.Close()
	}
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}
}
