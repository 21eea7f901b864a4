package durabletest

import (
	"slices"

	"tallystick/internal/durable"
)

type file struct {
	fsys  *FS
	label string
	path  string
	under durable.File
	node  *inode // nil: nothing is watched
}

// write writes to the disk.
func (f *file) write(p []byte) (int, error) {
	n, err := f.under.Write(p)
	if f.node != nil {
		f.fsys.track(func(*disk) { f.node.now = append(f.node.now, p[:n]...) })
	}
	return n, err
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
		if err == nil && f.node != nil {
			f.fsys.track(func(*disk) { f.node.now = f.node.now[:min(int(size), len(f.node.now))] })
		}
		return err
	})
}

func (f *file) Sync() error {
	return f.fsys.do(f.op(Sync), func() error {
		err := f.under.Sync()
		if err == nil && f.node != nil {
			f.fsys.track(func(*disk) { f.node.synced = slices.Clone(f.node.now) })
		}
		return err
	})
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
