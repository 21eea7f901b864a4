package shovel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/durable"
)

const (
	maxID = 100 // bytes; with what tells lives apart it is a source of bus.ID
	// maxPack bounds a pack, in bytes of data, one datagram aside: far from what a server
	// of NATS takes.
	maxPack = 256 << 10
	// An engine that failed is left alone for a while, longer each time: with many packs it
	// takes long to open.
	firstReopen, lastReopen = time.Second, 30 * time.Second
	// reserve is how many bytes of the disk the queue leaves free: an engine that finds none
	// gives up, and how far the outputs are must be kept.
	reserve = 8 << 20
	// freeEvery is how often what all outputs have sent is freed.
	freeEvery = 5 * time.Second
)

var (
	// errFull is the error of what a full queue drops, with DropNewest.
	errFull = errors.New("the queue is full")
	// errDown is the error of a queue whose disk failed.
	errDown = errors.New("the queue cannot be written")
	// errDisk is the error of a queue whose disk has no room.
	errDisk = fmt.Errorf("the disk has less than %d MiB left", reserve>>20)
)

// A Queue holds datagrams on the disk until all outputs have sent them.
type Queue struct {
	cfg  QueueConfig
	id   string
	boot string // what tells this life of the machine from others
	log  *slog.Logger
	lock *os.File

	mu     sync.Mutex    // order of the numbers is that of the queue
	engine *engine       // nil: it failed
	failed time.Time     // when
	rest   time.Duration // before it is opened again
	told   bool          // that datagrams are dropped
	life   string
	next   uint64 // number

	added   int64 // bytes, when what was sent was last freed
	places  map[string]*placeFile
	changed chan struct{} // closed when there is another engine
}

// OpenQueue opens the queue in its folder, which is made if it is not there. Nobody else
// may have it open.
func OpenQueue(ctx context.Context, cfg QueueConfig, id string, log *slog.Logger) (*Queue, error) {
	return openQueue(ctx, cfg, id, bootID(), log)
}

func openQueue(ctx context.Context, cfg QueueConfig, id, boot string, log *slog.Logger) (*Queue, error) {
	if err := (durable.OS{}).MkdirAll("queue", cfg.Dir); err != nil {
		return nil, err
	}
	lock, err := durable.Lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	q := &Queue{cfg: cfg, id: id, boot: boot, log: log, lock: lock, places: make(map[string]*placeFile), changed: make(chan struct{})}
	if err := q.open(ctx); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return q, nil
}

// open makes an engine. q.mu is held, or nobody else has q.
func (q *Queue) open(ctx context.Context) error {
	if err := (durable.OS{}).MkdirAll("place", q.placeDir()); err != nil {
		return err
	}
	e, err := openEngine(ctx, q.cfg)
	if err != nil {
		return err
	}
	life, next, err := e.life(ctx, q.id+"."+strings.ToLower(rand.Text()[:8]), q.boot)
	if err != nil {
		e.close()
		return err
	}
	if life != q.life || next > q.next { // else numbers that were dropped stay so
		q.next = next
	}
	q.engine, q.life = e, life
	for _, p := range q.places {
		p.begin(e, e.stream.CachedInfo().State.LastSeq)
	}
	close(q.changed)
	q.changed = make(chan struct{})
	return nil
}

// Close closes the queue. What it has stays.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.engine != nil {
		q.engine.close()
		q.engine = nil
	}
	return q.lock.Close()
}

// Put puts datagrams into the queue, and gives them their life and numbers. It returns when
// the kernel has them; with Sync 0, when the disk has. The error is errFull or errDown: they
// are lost then, and so are their numbers.
func (q *Queue) Put(ctx context.Context, ds []Datagram) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	err := q.ready(ctx)
	for i := range ds {
		ds[i].Life, ds[i].Number = q.life, q.next
		q.next++
	}
	if err == nil {
		q.engine.recent.forget(q.least())
		err = q.engine.put(ctx, appendPack(make([]byte, 0, packSize(ds)), ds))
	}
	if isFull(err) && q.cfg.Full == DropNewest {
		return errFull
	}
	return q.tell(err)
}

// ready has an engine, and room for what is to be put.
func (q *Queue) ready(ctx context.Context) error {
	if err := q.revive(ctx); err != nil {
		return err
	}
	return q.cramped()
}

// cramped returns errDisk if the disk is nearly full, and another error if the folder is not there.
func (q *Queue) cramped() error {
	free, err := room(q.cfg.Dir)
	if err == nil && free < reserve {
		return errDisk
	}
	return err
}

// tell tells when datagrams begin to be dropped, and when that is over. An engine that
// failed is closed.
func (q *Queue) tell(err error) error {
	if err == nil {
		if q.told {
			q.log.Info("the queue can be written again", "dir", q.cfg.Dir)
		}
		q.told, q.rest = false, 0
		return nil
	}
	if !q.told {
		q.log.Error("the queue cannot be written; datagrams are dropped until it can", "dir", q.cfg.Dir, "err", err)
	}
	q.told = true
	if q.engine != nil && !errors.Is(err, errDisk) {
		q.engine.close()
		q.engine = nil
		q.retire()
	}
	return errDown
}

// retire lets the engine be for a while.
func (q *Queue) retire() {
	q.failed, q.rest = time.Now(), min(max(2*q.rest, firstReopen), lastReopen)
}

// revive has an engine, if one can be had.
func (q *Queue) revive(ctx context.Context) error {
	if q.engine != nil {
		return nil
	}
	if time.Since(q.failed) < q.rest {
		return errDown
	}
	if err := q.open(ctx); err != nil {
		q.retire()
		q.log.Debug("the queue cannot be opened", "err", err)
		return errDown
	}
	return nil
}

// isFull reports whether the stream has no room by its own bounds.
func isFull(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && strings.Contains(api.Description, "maximum bytes exceeded")
}

// number returns the life, and the number of the next datagram in it.
func (q *Queue) number() (life string, next uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.life, q.next
}

// current returns the engine, and what is closed when there is another one.
func (q *Queue) current() (*engine, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.engine, q.changed
}

// Run frees what all outputs have sent, until ctx ends.
func (q *Queue) Run(ctx context.Context) error {
	t := time.NewTicker(freeEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			q.free(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// free frees the packs before the last that all outputs have sent. That one stays: it has
// the number of the next. While much comes, so do those that are in memory: to free part of the
// block that is being written is to read it (see recent).
func (q *Queue) free(ctx context.Context) {
	e, _ := q.current()
	seq := q.sent()
	if e == nil || seq <= 1 {
		return
	}
	first, added := e.recent.since()
	if added-q.added > recentBytes {
		seq = min(seq, first)
	}
	q.added = added
	if err := e.stream.Purge(ctx, jetstream.WithPurgeSequence(seq)); err != nil && ctx.Err() == nil {
		q.log.Debug("what was sent is not freed", "err", err)
	}
}

// sent returns the last pack that all outputs have sent, 0 for none.
func (q *Queue) sent() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.least()
}

// least is sent. q.mu is held.
func (q *Queue) least() uint64 {
	if len(q.places) == 0 {
		return 0
	}
	least := uint64(math.MaxUint64)
	for _, p := range q.places {
		least = min(least, p.where().Pack)
	}
	return least
}

// placeDir is where the places of outputs are kept.
func (q *Queue) placeDir() string { return filepath.Join(q.cfg.Dir, "outputs") }

// place returns how far an output is. A new one is before the first that is there.
func (q *Queue) place(ctx context.Context, output string) (*placeFile, error) {
	p, err := loadPlace(filepath.Join(q.placeDir(), output))
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if last := q.engine.stream.CachedInfo().State.LastSeq; p.at.Pack > last {
		p.at = place{} // of a queue that is not there any more
	}
	if p.at == (place{}) {
		p.at = q.engine.beginning(ctx)
	}
	p.engine = q.engine
	q.places[output] = p
	return p, nil
}

// Depth is what is in the queue.
type Depth struct {
	Packs, Bytes uint64
	First, Last  uint64    // packs
	Oldest       time.Time // zero: there is none
}

// Depth returns what is in the queue, sent or not.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	e, _ := q.current()
	if e == nil {
		return Depth{}, errDown
	}
	info, err := e.stream.Info(ctx)
	if err != nil {
		return Depth{}, err
	}
	s := info.State
	return Depth{Packs: s.Msgs, Bytes: s.Bytes, First: s.FirstSeq, Last: s.LastSeq, Oldest: s.FirstTime}, nil
}
