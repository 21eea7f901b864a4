// Package durabletest is a file system that fails when a test wants it to.
//
// It wraps the real one, so that what is on the disk after a fault is what
// would be there after it in earnest. A test runs its code once without a fault
// to learn how many operations it makes, and then once for each operation, kind
// of failure and outcome:
//
//	for n := 1; n <= ops; n++ {
//		for _, applied := range []bool{false, true} {
//			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: n, Applied: applied, Crash: true}}}
//			…
//		}
//	}
//
// Where the process dies, all that it did is still with the kernel. What the disk has if
// the power fails is less, and depends on what was synced: Watch before, PowerLoss after.
package durabletest

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"tallystick/internal/durable"
)

// ErrInjected is the error of a fault that has none of its own.
var ErrInjected = errors.New("injected fault")

// The kinds of operations, as in Op.Kind. Each may change what is on the disk.
const (
	Create    = "create"
	Append    = "append"
	Write     = "write"    // of a File
	Sync      = "sync"     // of a File
	Truncate  = "truncate" // of a File
	Close     = "close"    // of a File
	Rename    = "rename"
	Remove    = "remove"
	MkdirAll  = "mkdirall"
	RemoveAll = "removeall"
	SyncDir   = "syncdir"
)

// An Op is an operation that was asked for.
type Op struct {
	Kind  string
	Label string
	Path  string // of a rename, the old one
	To    string // of a rename, the new one
}

// A Fault says which operations fail and how. Of the fields At, Kind and Label
// those that are set must all agree.
type Fault struct {
	At    int    // the nth operation of all, from 1
	Kind  string // those of this kind
	Label string // those with this label

	// Applied lets the operation take effect before it fails, as when the disk
	// has done it and the answer got lost.
	Applied bool
	// Short writes the first half of a write before it fails.
	Short bool
	// Crash lets every later operation fail too, not applied: the process is dead.
	Crash bool
	// Err is what the operation returns, such as syscall.ENOSPC; nil is ErrInjected.
	Err error
}

// FS is the file system. The zero value never fails. It may be used by several
// goroutines at the same time.
type FS struct {
	Faults []Fault // not to be changed after the first use

	disk durable.OS

	mu   sync.Mutex
	ops  []Op
	dead error // of the fault that crashed

	watched *disk // nil: nothing is
}

var _ durable.FS = (*FS)(nil)

// Ops returns the operations so far, in order, also those that failed.
func (f *FS) Ops() []Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Op(nil), f.ops...)
}

// Open reads from the disk; it does not fail by itself.
func (f *FS) Open(path string) (fs.File, error) { return f.disk.Open(path) }

// ReadDir reads from the disk; it does not fail by itself.
func (f *FS) ReadDir(path string) ([]fs.DirEntry, error) { return f.disk.ReadDir(path) }

// Create implements durable.Files.
//
//nolint:ireturn // the interface wants it
func (f *FS) Create(label, path string) (durable.File, error) {
	var out durable.File
	var node *inode
	err := f.do(Op{Kind: Create, Label: label, Path: path}, func() (err error) {
		if out, err = f.disk.Create(label, path); err == nil {
			f.track(func(d *disk) { node = d.create(path) })
		}
		return err
	})
	if err != nil {
		if out != nil {
			err = errors.Join(err, out.Close()) // the caller never sees it
		}
		return nil, err
	}
	return &file{fsys: f, label: label, path: path, under: out, node: node}, nil
}

// Append implements durable.Files.
//
//nolint:ireturn // the interface wants it
func (f *FS) Append(label, path string) (durable.File, int64, error) {
	var out durable.File
	var node *inode
	var size int64
	err := f.do(Op{Kind: Append, Label: label, Path: path}, func() (err error) {
		if out, size, err = f.disk.Append(label, path); err == nil {
			f.track(func(d *disk) { node = d.open(path) })
		}
		return err
	})
	if err != nil {
		if out != nil {
			err = errors.Join(err, out.Close()) // the caller never sees it
		}
		return nil, 0, err
	}
	return &file{fsys: f, label: label, path: path, under: out, node: node, pos: size}, size, nil
}

// Rename implements durable.Files.
func (f *FS) Rename(label, from, to string) error {
	return f.do(Op{Kind: Rename, Label: label, Path: from, To: to}, func() error {
		err := f.disk.Rename(label, from, to)
		if err == nil {
			f.track(func(d *disk) { d.rename(from, to) })
		}
		return err
	})
}

// Remove implements durable.Files.
func (f *FS) Remove(label, path string) error {
	return f.do(Op{Kind: Remove, Label: label, Path: path}, func() error {
		err := f.disk.Remove(label, path)
		if err == nil {
			f.track(func(d *disk) { d.remove(path) })
		}
		return err
	})
}

// MkdirAll implements durable.Folders.
func (f *FS) MkdirAll(label, path string) error {
	return f.do(Op{Kind: MkdirAll, Label: label, Path: path}, func() error {
		err := f.disk.MkdirAll(label, path)
		if err == nil {
			f.track(func(d *disk) { d.mkdirAll(path) })
		}
		return err
	})
}

// RemoveAll implements durable.Folders.
func (f *FS) RemoveAll(label, path string) error {
	return f.do(Op{Kind: RemoveAll, Label: label, Path: path}, func() error {
		err := f.disk.RemoveAll(label, path)
		if err == nil {
			f.track(func(d *disk) { d.removeAll(path) })
		}
		return err
	})
}

// SyncDir implements durable.Folders.
func (f *FS) SyncDir(label, path string) error {
	return f.do(Op{Kind: SyncDir, Label: label, Path: path}, func() error {
		if f.track(func(d *disk) { d.syncDir(path) }) {
			_, err := os.Stat(path)
			return err
		}
		return f.disk.SyncDir(label, path)
	})
}

// do records the operation and applies it, unless a fault says otherwise.
func (f *FS) do(op Op, apply func() error) error {
	fault, err := f.begin(op)
	if err != nil && (fault == nil || !fault.Applied) {
		return err
	}
	return errors.Join(err, apply())
}

// begin records the operation and returns the fault that hits it, if any, and
// the error of it. A dead process has an error without a fault.
func (f *FS) begin(op Op) (*Fault, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, op)
	if f.dead != nil {
		return nil, f.dead
	}
	for i := range f.Faults {
		fault := &f.Faults[i]
		if fault.hits(len(f.ops), op) {
			err := &fs.PathError{Op: op.Kind + " for " + op.Label, Path: op.Path, Err: fault.err()}
			if fault.Crash {
				f.dead = err
			}
			return fault, err
		}
	}
	return nil, nil
}

func (f *Fault) hits(n int, op Op) bool {
	return (f.At != 0 || f.Kind != "" || f.Label != "") &&
		(f.At == 0 || f.At == n) &&
		(f.Kind == "" || f.Kind == op.Kind) &&
		(f.Label == "" || f.Label == op.Label)
}

func (f *Fault) err() error {
	if f.Err != nil {
		return f.Err
	}
	return ErrInjected
}
