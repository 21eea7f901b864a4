package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"tallystick/internal/durable"
)

const (
	// fileBatch is how much of a file is taken at once, in bytes, and maxFileLine how
	// long a line may be: one that is longer is skipped. They bound the memory.
	fileBatch   = 256 << 10
	maxFileLine = 1 << 20
)

// A readable is a file that can be read from anywhere.
type readable interface {
	fs.File
	io.ReaderAt
}

func open(fsys durable.Reader, path string) (readable, error) { //nolint:ireturn // that of the disk, or of a test
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	r, ok := f.(readable)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, errors.ErrUnsupported), f.Close())
	}
	return r, nil
}

// A tail reads lines of a file from an offset on.
type tail struct {
	f    readable
	at   int64 // what is before it is done with
	skip int64 // how far behind at is known to be of a line that is too long; 0: none is
	buf  []byte
}

// read reads up to n bytes from at on. Fewer are all there are.
func (t *tail) read(n int) ([]byte, error) {
	if len(t.buf) < n {
		t.buf = make([]byte, n)
	}
	got, err := t.f.ReadAt(t.buf[:n], t.at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return t.buf[:got], err
}

// next returns whole lines from at on, none if there are none yet. If nobody will add
// to the file, what is behind the last end of a line is one too. long is the length of
// a line that is too long, with which the file goes on.
func (t *tail) next(final bool) (data []byte, long int64, err error) {
	if t.skip > 0 {
		long, err = t.skipped(final)
		return nil, long, err
	}
	for _, n := range []int{fileBatch, maxFileLine + 1} {
		if data, err = t.read(n); err != nil {
			return nil, 0, err
		}
		end := bytes.LastIndexByte(data, '\n') + 1
		switch {
		case end > 0:
			return data[:end], 0, nil
		case len(data) < n && final:
			return data, 0, nil
		case len(data) < n:
			return nil, 0, nil
		}
	}
	t.skip = maxFileLine
	long, err = t.skipped(final)
	return nil, long, err
}

// skipped returns the length of the line that is too long, 0 if its end is not there
// yet.
func (t *tail) skipped(final bool) (int64, error) {
	for {
		got, err := t.f.ReadAt(t.buf[:fileBatch], t.at+t.skip)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if end := bytes.IndexByte(t.buf[:got], '\n'); end >= 0 {
			return t.skip + int64(end) + 1, nil
		}
		t.skip += int64(got)
		if got < fileBatch {
			if final {
				return t.skip, nil
			}
			return 0, nil
		}
	}
}

// done moves at behind what next returned.
func (t *tail) done(n int64) { t.at, t.skip = t.at+n, 0 }
