// Package checkpoint saves what is in memory to files, and reads it back at the start.
//
// A checkpoint is a folder of Avro object container files with what has changed since
// the checkpoint before it:
//
//	<dir>/00000012-1700000000/
//	    samples-<cluster>.avro   blocks of 512 slots, sorted
//	    counts-<cluster>.avro    the same of metrics whose samples add up
//	    transfers.avro           one record per transfer, sorted
//	    claims.avro              one record per claim, sorted
//	    packets.avro             datagrams as they came, in the order of the log
//	    collector.avro           open sessions, dictionaries: all of them
//	    ingest.avro              what ingest itself has to remember: all of it
//	    meta.json                what the files must hold, and where the log goes on
//	<dir>/00000013-1700000300.tmp/    not complete; removed at the start
//	<dir>/quarantine/                 what could not be read whole; never removed
//
// checkpoints/README.md describes them for others.
//
//	newest ┐ 00000044  one interval       ┐
//	       │ 00000043  one interval       │ what is newer hides what is older:
//	       │ 00000042  00000033…00000042  │ all together are the store, the ledger,
//	oldest ┘ 00000032  00000001…00000032  ┘ and what memory had no room for
//
// Rules:
//
//   - A checkpoint is there as a whole or not at all: it is written under another
//     name, every file and the folder are made durable, then it is renamed
//     (TestSaveWithFaults). It covers what the log has before the segment that it
//     names, and only then may the log forget that.
//   - All of it is of one instant, between two records of the log: as long as it takes
//     to copy the states and to begin a cut of store and ledger. Samples are read while
//     ingest goes on; those whose samples add up are as they were at the instant, the
//     others may be some seconds newer, as the log would make them anyway.
//   - After a save, the newest checkpoints that are together as large as the one before
//     them become one with it, so that there are few, and that each byte is written a
//     few times (Dir.merge). What is merged is removed after its heir is there.
//   - What is past retention and archived is dropped when it is merged: Parts.Gone.
//   - Read back first is what adds up, transfers, claims and states; then the log; then,
//     while ingest goes on, the rest, newest first.
//   - A restore never stops the start: what can be read is used, what cannot is told
//     and counted. The checkpoint that it is in gets a file problems.txt, is used at
//     every start until the next save, and then goes to quarantine/ as it is.
package checkpoint

import (
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// Config is what an operator may choose.
type Config struct {
	Dir   string        `koanf:"dir"`   // made if it is not there; other files in it are left alone
	Every time.Duration `koanf:"every"` // default 5 min
	// LogBytes is how large the log may become before a checkpoint is saved early: what
	// a restart has to read of it at most. Default 1 GiB.
	LogBytes int64 `koanf:"log_bytes"`
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config { return Config{Every: 5 * time.Minute, LogBytes: 1 << 30} }

// A Store is what samples are saved from and restored to: store.Store.
type Store interface {
	Tank
	Cut() *store.Cut
	Clusters() []string
	Fill(b *store.BlockAt) error
	Unsaved()
}

// A Tank is a Store that may have no room for all that is restored.
type Tank interface {
	Nodes() []selector.Path
	AddSaved(node selector.Path, before int64, ends map[int64]int64)
	FreeSaved(node selector.Path, before int64) store.Freed
}

// A Ledger is what transfers and claims are saved from and restored to:
// ledger.Ledger. What it returns does not change any more.
type Ledger interface {
	Cut() ledger.Changes
	Uncut(c ledger.Changes)
	FillTransfer(t *transfer.Transfer)
	FillClaim(c *transfer.Claim)
	Unsaved()
}

// A Stateful part writes its state as entries that only it can read, in the order
// in which it wants them back.
type Stateful interface {
	State() ([][]byte, error)
	// Restore takes one entry, as if it became known at now. It keeps nothing of it.
	Restore(now time.Time, entry []byte) error
}

// A Pauser runs f between two records of the log: while store, ledger, collector and
// ingest tell the same story. Cut, called in f, returns the segment that the next
// record begins, or a later one.
type Pauser interface {
	Pause(f func())
	Cut() (int, error)
}

// A Packet is a datagram as it was taken in.
type Packet struct {
	At      time.Time // when it was written to the log: the collector's clock
	Remote  string
	Data    []byte
	Arrival int64 // when it came to the one who received it, Unix nanoseconds; 0 if that was not told
}

// Parts are what a checkpoint is of.
type Parts struct {
	Store     Store
	Table     *metric.Table
	Ledger    Ledger
	Collector Stateful
	Ingest    Stateful
	Pauser    Pauser

	// Packets yields those in the segments [from, to) of the log; nil: they are not kept.
	// An error is what may be read later: then there is no checkpoint now.
	Packets func(from, to int) iter.Seq2[Packet, error]
	// Forget tells the log that it need not have what is before the segment; may be nil.
	Forget func(before int) error
	// Old reports whether a block need not come back to memory: it ended at the Unix
	// second end. Nil: all must.
	Old func(cluster, metric string, end int64) bool
	// Gone reports whether what ended at end need not stay on the disk: its age is past
	// retention, and it is archived. Cluster is that of samples. Nil: all must.
	Gone func(kind Kind, cluster, metric string, end int64) bool
	// Room reports whether the store has room for older blocks; nil: always.
	Room func() bool
}

// Info says what a save wrote or a restore read.
type Info struct {
	Path      string // of the checkpoint, of the newest one for a restore; empty if there is none
	Bytes     int64  // of its files
	Blocks    int
	Transfers int
	Claims    int
	Packets   int
	Took      time.Duration

	// Of a restore only.
	Log     int // segment from which the log has what came after; 0: all of it
	Created time.Time
	Damaged int // pieces of files that could not be read
	Refused int // records that could be read and not be used
}

// Whole reports whether a restore used everything that there was.
func (i *Info) Whole() bool { return i.Damaged == 0 && i.Refused == 0 }

// A Dir is a folder of checkpoints. Its methods may be called at the same time;
// saves wait for each other.
type Dir struct {
	cfg   Config
	fsys  durable.FS
	parts Parts
	log   *slog.Logger
	stats stats

	saving sync.Mutex // held by Save and Restore
	legacy bool       // what was restored is of a version whose checkpoints had everything
	rest   *restoring // what Fill has to do
	since  atomic.Int64

	mu       sync.Mutex
	last     int             // highest sequence number in use or tried
	listed   bool            // whether last takes in what was there at the start
	views    int             // open: nothing is removed
	problems map[string]bool // names of checkpoints that go to quarantine
	mend     bool            // something could not be read: all checkpoints are to become one

	frees freeing
}

// New returns the checkpoints in cfg.Dir, which need not be there yet.
func New(cfg Config, fsys durable.FS, parts Parts, log *slog.Logger) *Dir {
	d := &Dir{cfg: cfg, fsys: fsys, parts: parts, log: log, problems: make(map[string]bool)}
	d.since.Store(Everything)
	return d
}

// Everything is since when all samples are there if none is missing.
const Everything = -store.MaxTime

// Since returns the Unix second from which on all samples are in memory that should
// be: what is older is being restored. After that it is Everything.
func (d *Dir) Since() int64 { return d.since.Load() }

// Freed notes that what is at and below a level and ends at or before the Unix
// second was freed on demand, so that older checkpoints do not bring it back. It
// must be called before the store is told.
func (d *Dir) Freed(at selector.Path, before int64) { d.frees.add(at, before) }
