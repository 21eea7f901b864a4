package durabletest

import (
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"tallystick/internal/durable"
)

// A Sick disk has places that cannot be read, as those without permission are for everybody
// but root, who runs tests too.
type Sick struct {
	durable.OS

	Closed string // nothing at or below this path can be opened or listed: EACCES
	Torn   string // of files at or below this one only
	Good   int64  // so many bytes can be read: EIO
}

func below(path, dir string) bool {
	return dir != "" && (path == dir || strings.HasPrefix(path, dir+string(filepath.Separator)))
}

// Open implements durable.Reader.
func (s Sick) Open(path string) (fs.File, error) {
	if below(path, s.Closed) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}
	}
	f, err := s.OS.Open(path)
	if err == nil && below(path, s.Torn) {
		return &tornFile{f, s.Good}, nil
	}
	return f, err
}

// ReadDir implements durable.Reader.
func (s Sick) ReadDir(path string) ([]fs.DirEntry, error) {
	if below(path, s.Closed) {
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: syscall.EACCES}
	}
	return s.OS.ReadDir(path)
}

// A tornFile gives some bytes, and then an error that is not the end of the file.
type tornFile struct {
	fs.File

	left int64
}

func (f *tornFile) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, &fs.PathError{Op: "read", Err: syscall.EIO}
	}
	n, err := io.LimitReader(f.File, f.left).Read(p)
	f.left -= int64(n)
	return n, err
}
