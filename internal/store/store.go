// Package store keeps the samples in memory, in a tree of levels:
//
//	root › cluster › node › component › subcomponent
//
// A level holds series, one per metric. A series is a chain of blocks of 512
// slots, oldest first. Slots are aligned to the epoch: a sample lies in slot
// floor(time/step), whenever the first sample of its series came, so that
// series with one step can be laid side by side.
//
// Rules:
//
//   - A sample goes where its time says, into any block, also between or before
//     those that are there. How old or how far ahead it may be is the caller's
//     affair.
//   - Blocks come out of one pool and go back to it. Config.MaxBytes is a cap:
//     a write that needs memory beyond it is refused, with the store unchanged.
//   - A series with few samples costs few bytes: of a block, only the slots
//     between its first and its last sample are there, in a span that grows, and
//     what is past is sealed (sealed.go).
//   - A Cut is the store at one instant, and writers go on: a block of counts that
//     is changed before the Cut came by is copied first (TestCut).
//   - A level's own series answers for the level. Only where it has none do the
//     nearest levels below that have one, slot by slot over what is present.
//   - A node has one lock. The index of nodes has another, and the two are never
//     held together. No lock is held across a walk, nor while a caller's function
//     runs. What is empty is pruned: a node that was taken out of the tree is
//     marked gone under its lock, and a writer that was about to use it looks it
//     up again (TestPruneKeepsConcurrentWrites).
//   - Strings and samples are copied; nothing of a caller's is kept.
//
// The package is deaf: no clock, no logger, no goroutine.
package store

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"tallystick/internal/block"
	"tallystick/internal/metric"
)

// MaxTime is how far from the epoch a sample may be, in seconds: 34,000 years,
// so that no sum of times overflows.
const MaxTime = 1<<40 - 1

// MaxValues is how many values one Series can have. A chain may have blocks
// that lie far apart, and the gap between them is part of an answer.
const MaxValues = 1 << 27

// The errors that callers tell apart.
var (
	ErrFull      = errors.New("memory cap reached")
	ErrNotFinite = errors.New("value is not finite")
	ErrTime      = errors.New("time is out of range")
	ErrRelieved  = errors.New("counts of that time were saved and freed, since memory was short")
	ErrMetric    = errors.New("unknown metric")
	ErrAmbiguous = errors.New("several series and no aggregation")
	ErrTooMuch   = errors.New("too many values")
)

// restored is the epoch of what Fill puts back. It is not 0, so that none is the one
// after that of no Cut.
const restored = 1

// Config is what an operator may choose.
type Config struct {
	// MaxBytes is the most memory that samples and their tree may take; 0 is no
	// cap. What goes before it is reached is retain.Pressure's affair. Memory is taken in steps of block.SlabBytes, so that a cap below that
	// lets nothing in.
	MaxBytes int64 `koanf:"max_bytes"`
}

// A Store holds samples. Its methods may be called at the same time.
type Store struct {
	table *metric.Table
	nodes index
	pool  block.Pool
	mem   memory

	epoch  atomic.Uint32 // goes up with each Cut; what is written is of it
	saved  atomic.Uint32 // what was written in it or before is saved
	eased  atomic.Int64  // FreeSaved freed what ended at this Unix second or before
	cut    atomic.Uint32 // epoch of the Cut that is open, 0 if none is
	cutter sync.Mutex    // held while a Cut is open

	levels, series atomic.Int64 // components and below; nodes are counted by their index
	blocks         atomic.Int64
	freed, late    atomic.Int64

	packers sync.Pool // of *packer
	readers sync.Pool // of *reader
	rooms   sync.Pool // of *block.Block, for answers
}

// New returns an empty store for the metrics of table.
func New(table *metric.Table, cfg Config) *Store {
	s := &Store{table: table, mem: memory{max: cfg.MaxBytes}}
	s.nodes.init()
	s.epoch.Store(restored + 1)
	s.saved.Store(restored)
	s.eased.Store(math.MinInt64)
	s.pool.Grow, s.pool.Shrink = s.mem.take, s.mem.give
	return s
}

// A Stats says what a store holds and has done.
type Stats struct {
	Levels  int   // clusters, nodes, components and subcomponents
	Series  int   // metrics at levels
	Blocks  int   // in use
	Bytes   int64 // of memory: the pool, used or free, and the tree
	Slabs   int64 // of them, the pool's
	Live    int64 // of them, those that are used
	Refused int64 // how often memory was not to be had, ever
	Freed   int64 // blocks that FreeBefore gave back, ever
	Late    int64 // samples that went before the newest block of their series, ever
}

// Stats returns the present numbers.
func (s *Store) Stats() Stats {
	clusters, nodes := s.nodes.count()
	pool, bytes := s.pool.Stats(), s.mem.used.Load()
	return Stats{
		Levels:  clusters + nodes + int(s.levels.Load()),
		Series:  int(s.series.Load()),
		Blocks:  int(s.blocks.Load()),
		Bytes:   bytes,
		Slabs:   pool.Bytes,
		Live:    bytes - pool.Bytes + pool.Live,
		Refused: s.mem.refused.Load(),
		Freed:   s.freed.Load(),
		Late:    s.late.Load(),
	}
}
