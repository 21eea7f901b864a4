package durable

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// TempSuffix ends the name of a file or folder that is not complete. One that
// is found at the start was left by a crash and may be removed.
const TempSuffix = ".tmp"

// writeBuffer holds a writer's small writes back; larger ones pass it by.
const writeBuffer = 64 << 10

// WriteFile writes a file that appears under path, complete and durable, or not
// at all: what was there before stays until then. fill writes the contents, through
// a buffer. After an error no temporary file is left, unless removing it failed too.
//
// If only the last step fails, the fsync of the folder, the error comes although
// the new file is there; whether it survives a crash is then not known.
func WriteFile(fsys FS, label, path string, fill func(io.Writer) error) error {
	temp := path + TempSuffix
	if err := Write(fsys, label, temp, fill); err != nil {
		return err
	}
	if err := fsys.Rename(label, temp, path); err != nil {
		return errors.Join(err, remove(fsys, label, temp))
	}
	return fsys.SyncDir(label, filepath.Dir(path))
}

// Write writes a file in place and makes its contents durable, but not its
// name: it is for the files of a folder that will be committed as a whole. After
// an error the file is removed.
func Write(fsys FS, label, path string, fill func(io.Writer) error) error {
	f, err := fsys.Create(label, path)
	if err != nil {
		return err
	}
	err = fillAndSync(f, fill)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(labelled(label, err), remove(fsys, label, path))
	}
	return nil
}

// remove clears up after an error, which may have come after the rename.
func remove(fsys FS, label, path string) error {
	if err := fsys.Remove(label, path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func fillAndSync(f File, fill func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, writeBuffer)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// Commit gives the folder temp, whose files have been written with Write, its
// final name. The final name must not be there, or be an empty folder. After an
// error temp may be there under either name; a crash leaves one of the two, whole.
func Commit(fsys FS, label, temp, final string) error {
	if err := fsys.SyncDir(label, temp); err != nil {
		return err
	}
	return Move(fsys, label, temp, final)
}

// Move renames a file or folder and makes that durable in both folders.
func Move(fsys FS, label, from, to string) error {
	if err := fsys.Rename(label, from, to); err != nil {
		return err
	}
	if err := fsys.SyncDir(label, filepath.Dir(to)); err != nil {
		return err
	}
	if filepath.Dir(from) == filepath.Dir(to) {
		return nil
	}
	return fsys.SyncDir(label, filepath.Dir(from))
}
