package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Nobody but the operator and its group reads what users did.
const (
	fileMode   = 0o640
	folderMode = 0o750
)

// OS is the file system of the operating system.
type OS struct{}

var _ FS = OS{}

// Open implements Reader.
func (OS) Open(path string) (fs.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // not a nil *os.File in an fs.File
	}
	return f, nil
}

// ReadDir implements Reader.
func (OS) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

// Create implements Files.
//
//nolint:ireturn // the test file system returns another File
func (OS) Create(label, path string) (File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return nil, labelled(label, err)
	}
	return file{f}, nil
}

// Append implements Files.
//
//nolint:ireturn // the test file system returns another File
func (OS) Append(label, path string) (File, int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, fileMode)
	if err != nil {
		return nil, 0, labelled(label, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, labelled(label, errors.Join(err, f.Close()))
	}
	return file{f}, size, nil
}

type file struct{ *os.File }

// Truncate implements File.
func (f file) Truncate(size int64) error {
	if err := f.File.Truncate(size); err != nil {
		return err
	}
	_, err := f.Seek(size, io.SeekStart)
	return err
}

// Rename implements Files.
func (OS) Rename(label, from, to string) error { return labelled(label, os.Rename(from, to)) }

// Remove implements Files.
func (OS) Remove(label, path string) error { return labelled(label, os.Remove(path)) }

// MkdirAll implements Folders.
func (o OS) MkdirAll(label, path string) error {
	path = filepath.Clean(path)
	err := os.Mkdir(path, folderMode)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		if err := o.MkdirAll(label, filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, folderMode) // once: some file systems say "no such file" to whatever is asked
	}
	switch {
	case err == nil:
		return o.SyncDir(label, filepath.Dir(path))
	case errors.Is(err, fs.ErrExist):
		return labelled(label, mustBeFolder(path))
	}
	return labelled(label, err)
}

// RemoveAll implements Folders.
func (OS) RemoveAll(label, path string) error { return labelled(label, os.RemoveAll(path)) }

// SyncDir implements Folders.
func (OS) SyncDir(label, path string) error {
	d, err := os.Open(path)
	if err != nil {
		return labelled(label, err)
	}
	err = d.Sync()
	// Some network file systems cannot sync a folder and say so with EINVAL;
	// there is nothing more that could be done then.
	if errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return labelled(label, errors.Join(err, d.Close()))
}

func mustBeFolder(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

func labelled(label string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", label, err)
}
