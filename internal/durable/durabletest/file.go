package durabletest

import (
	"bytes"

	"tallystick/internal/durable"
)

type file struct {
	fsys  *FS
	label string
	path  string
	under durable.File
	node  *inode // nil: it is not watched
	pos   int64  // of the next write
}

// write writes to the disk.
func (f *file) write(p []byte) (int, error) {
	n, err := f.under.Write(p)
	f.changed(&change{at: f.pos, data: bytes.Clone(p[:n])})
	f.pos += int64(n)
	return n, err
}

// changed has the disk follow a change.
func (f *file) changed(c *change) {
	if f.node != nil {
		f.fsys.track(func(*disk) { f.node.changes = append(f.node.changes, c) })
	}
}

func (f *file) op(kind string) Op { return Op{Kind: kind, Label: f.label, Path: f.path} }

func (f *file) Write(p []byte) (n int, err error) {
	fault, err := f.fsys.begin(f.op(Write))
	switch {
	case err == nil:
		return f.write(p)
	case fault != nil && fault.Applied:
		n, _ = f.write(p)
		return n, err
	case fault != nil && fault.Short:
		n, _ = f.write(p[:len(p)/2])
		return n, err
	}
	return 0, err
}

func (f *file) Truncate(size int64) error {
	return f.fsys.do(f.op(Truncate), func() error {
		err := f.under.Truncate(size)
		if err == nil {
			f.changed(&change{at: size, cut: true})
			f.pos = size
		}
		return err
	})
}

func (f *file) Sync() error {
	var before []*change // others may write meanwhile
	synced := false
	if f.node != nil {
		f.fsys.track(func(*disk) { before = f.node.unsynced() })
	}
	err := f.fsys.do(f.op(Sync), func() error {
		if f.node != nil { // the disk under it is not what is asked
			synced = true
			return nil
		}
		return f.under.Sync()
	})
	if f.node != nil {
		f.fsys.track(func(*disk) { f.node.synced(before, synced) })
	}
	return err
}

// Close always closes the file under it, as the kernel does, so that a test
// leaves no descriptor open; a fault lets only its error be seen.
func (f *file) Close() error {
	_, err := f.fsys.begin(f.op(Close))
	if closeErr := f.under.Close(); err == nil {
		err = closeErr
	}
	return err
}
