package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tallystick/internal/durable"
)

// A Folder is a Target on a file system.
type Folder struct {
	Dir string // made if need be
	FS  durable.FS
}

// String names it for people.
func (f *Folder) String() string { return f.Dir }

func (f *Folder) path(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &fs.PathError{Op: "archive", Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(f.Dir, filepath.FromSlash(name)), nil
}

// Put implements Target: the file is written beside, made durable and renamed.
func (f *Folder) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if err := f.FS.MkdirAll("archive day", filepath.Dir(path)); err != nil {
		return err
	}
	return durable.WriteFile(f.FS, "archive put", path, func(w io.Writer) error {
		n, err := io.Copy(w, stoppable{ctx, body})
		if err == nil && n != size {
			err = fmt.Errorf("%s has %d bytes, want %d", name, n, size)
		}
		return err
	})
}

// stoppable is a reader that ends when ctx does.
type stoppable struct {
	ctx context.Context //nolint:containedctx // of one call
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// Open implements Target.
func (f *Folder) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	file, err := f.FS.Open(path)
	if err != nil {
		return nil, err
	}
	return readCloser{stoppable{ctx, file}, file}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// List implements Target. Only what is in folders of days is of an archive, and nothing
// whose name is not UTF-8.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		days, err := f.FS.ReadDir(f.Dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(Object{}, err)
			return
		}
		for _, day := range days {
			folder := day.Name() + "/"
			if _, err := ParseDay(day.Name()); err != nil || !day.IsDir() || !alike(folder, prefix) {
				continue
			}
			if !f.list(ctx, folder, prefix, yield) {
				return
			}
		}
	}
}

// alike reports whether names in the folder can begin with prefix.
func alike(folder, prefix string) bool {
	return strings.HasPrefix(folder, prefix) || strings.HasPrefix(prefix, folder)
}

// list does what List does for one folder.
func (f *Folder) list(ctx context.Context, folder, prefix string, yield func(Object, error) bool) bool {
	files, err := f.FS.ReadDir(filepath.Join(f.Dir, folder))
	if err := errors.Join(err, ctx.Err()); err != nil {
		return yield(Object{Name: folder}, err) // the other days may be readable
	}
	slices.SortFunc(files, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, file := range files {
		name := folder + file.Name()
		if !file.Type().IsRegular() || !fs.ValidPath(name) || !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, durable.TempSuffix) {
			continue
		}
		info, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		o := Object{Name: name}
		if err == nil {
			o.Bytes = info.Size()
		}
		if !yield(o, err) {
			return false
		}
	}
	return true
}

// Remove implements Target. A file is gone for good before the next one goes: what a loss of
// power leaves is what was removed last. A folder goes with its last file, and so does what a
// process that died was writing there.
func (f *Folder) Remove(_ context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	err = f.FS.Remove("archive remove", path)
	if err == nil {
		err = f.FS.SyncDir("archive remove", dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	left, err := f.FS.ReadDir(dir)
	if err != nil || slices.ContainsFunc(left, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), durable.TempSuffix) }) {
		return nil //nolint:nilerr // it is not known to be empty
	}
	for _, e := range left {
		if err := f.FS.Remove("archive remove day", filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err = f.FS.Remove("archive remove day", dir)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
