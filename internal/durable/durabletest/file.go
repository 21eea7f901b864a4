package durabletest

import "tallystick/internal/durable"

type file struct {
	fsys  *FS
	label string
	path  string
	under durable.File
}

func (f *file) op(kind string) Op { return Op{Kind: kind, Label: f.label, Path: f.path} }

func (f *file) Write(p []byte) (n int, err error) {
	fault, err := f.fsys.begin(f.op(Write))
	switch {
	case err == nil:
		return f.under.Write(p)
	case fault != nil && fault.Applied:
		n, _ = f.under.Write(p)
		return n, err
	case fault != nil && fault.Short:
		n, _ = f.under.Write(p[:len(p)/2])
		return n, err
	}
	return 0, err
}

func (f *file) Truncate(size int64) error {
	return f.fsys.do(f.op(Truncate), func() error { return f.under.Truncate(size) })
}

func (f *file) Sync() error { return f.fsys.do(f.op(Sync), f.under.Sync) }

// Close always closes the file under it, as the kernel does, so that a test
// leaves no descriptor open; a fault lets only its error be seen.
func (f *file) Close() error {
	_, err := f.fsys.begin(f.op(Close))
	if closeErr := f.under.Close(); err == nil {
		err = closeErr
	}
	return err
}
