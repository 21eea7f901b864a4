// Package checkpoint saves what is in memory to files, and reads it back at the start.
//
// A checkpoint is a folder of Avro object container files:
//
//	<dir>/00000012-1700000000/
//	    samples.avro     one record per block of 512 slots
//	    transfers.avro   one record per transfer
//	    claims.avro      one record per claim
//	    collector.avro   open sessions, dictionaries
//	    ingest.avro      what ingest itself has to remember
//	    meta.json        what the files must hold
//	<dir>/00000013-1700000300.tmp/    not complete; removed at the start
//	<dir>/quarantine/                 what could not be used; never removed
//
// checkpoints/README.md describes them for others.
//
// Rules:
//
//   - A checkpoint is there as a whole or not at all: it is written under another
//     name, every file and the folder are made durable, then it is renamed. What
//     it replaces is removed after that (TestSaveWithFaults).
//   - All files of a checkpoint are of one instant, for which ingest stands still:
//     as long as it takes to copy the states and to begin a store.Cut. Samples are
//     read while ingest goes on, and counts are as they were at the instant; samples
//     of other metrics may be some seconds newer.
//   - A restore never stops the start: what can be read is used, what cannot is
//     told, counted and made good from an older checkpoint where there is one.
//   - Nothing that could not be used is deleted. The checkpoint that it is in gets
//     a file problems.txt, is used again at every start until another has been
//     saved, and then goes to quarantine/ as it is.
package checkpoint

import (
	"iter"
	"log/slog"
	"sync"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// Config is what an operator may choose.
type Config struct {
	Dir   string        `koanf:"dir"`   // made if it is not there; other files in it are left alone
	Every time.Duration `koanf:"every"` // default 5 min
	Keep  int           `koanf:"keep"`  // newest checkpoints that stay; at least 1. Default 3
}

// A Store is what samples are saved from and restored to: store.Store.
type Store interface {
	Cut() *store.Cut
	Blocks() iter.Seq[*store.BlockAt]
	Restore(b *store.BlockAt) error
}

// A Ledger is what transfers and claims are saved from and restored to:
// ledger.Ledger. What it returns does not change any more.
type Ledger interface {
	Transfers(f ledger.Filter) []*transfer.Transfer
	Claims(f ledger.Filter) []*transfer.Claim
	PutTransfer(t *transfer.Transfer)
	PutClaim(c *transfer.Claim) (added bool, err error)
}

// A Stateful part writes its state as entries that only it can read, in the order
// in which it wants them back.
type Stateful interface {
	State() ([][]byte, error)
	// Restore takes one entry, as if it became known at now. It keeps nothing of it.
	Restore(now time.Time, entry []byte) error
}

// A Pauser runs f while nothing is ingested: while store, ledger, collector and
// ingest tell the same story.
type Pauser interface {
	Pause(f func())
}

// Parts are what a checkpoint is of.
type Parts struct {
	Store     Store
	Ledger    Ledger
	Collector Stateful
	Ingest    Stateful
	Pauser    Pauser
}

// Info says what a save wrote or a restore read.
type Info struct {
	Path      string // of the checkpoint, of the newest one for a restore; empty if there is none
	Bytes     int64  // of its files
	Blocks    int
	Transfers int
	Claims    int
	Took      time.Duration

	// Of a restore only.
	Damaged int // pieces of files that could not be read
	Refused int // records that could be read and not be used
}

// Whole reports whether a restore used everything that there was.
func (i Info) Whole() bool { return i.Damaged == 0 && i.Refused == 0 }

// A Dir is a folder of checkpoints. Its methods may be called at the same time;
// they wait for each other.
type Dir struct {
	cfg   Config
	fsys  durable.FS
	parts Parts
	log   *slog.Logger
	stats stats

	mu       sync.Mutex
	last     int             // highest sequence number in use or tried
	listed   bool            // whether last takes in what was there at the start
	problems map[string]bool // names of checkpoints that go to quarantine
}

// New returns the checkpoints in cfg.Dir, which need not be there yet.
func New(cfg Config, fsys durable.FS, parts Parts, log *slog.Logger) *Dir {
	return &Dir{cfg: cfg, fsys: fsys, parts: parts, log: log, problems: make(map[string]bool)}
}
