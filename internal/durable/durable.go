// Package durable writes files that are either there, whole and on the disk, or
// not there at all.
//
// On a POSIX file system three things have to be made durable one by one: the
// bytes of a file (fsync of the file), its name (fsync of the folder it is in)
// and the order between the two (a rename only after the fsync of what is
// renamed). The functions of this package do all three; code that writes by
// itself does
//
//	MkdirAll(temp); Write(temp/a); Write(temp/b); Commit(temp, final)
//
// for a folder that appears as a whole, or WriteFile for a single file.
//
// Rules:
//
//   - Everything goes through an FS, so that tests can let each single operation
//     fail (package durabletest).
//   - Every operation that changes something has a label as its first argument:
//     what it is done for, in one or two words ("checkpoint meta"). Errors name
//     it, and tests pick the operation by it.
//   - An fsync that failed is not tried again: the kernel may have dropped the
//     pages it could not write. The file is written anew.
//   - A path has one writer at a time.
package durable

import (
	"io"
	"io/fs"
)

// An FS is a file system. Paths are those of the operating system. Errors wrap
// those of package io/fs, so that errors.Is(err, fs.ErrNotExist) works.
type FS interface {
	Reader
	Files
	Folders
}

// A Reader reads files and folders.
type Reader interface {
	// Open opens a file for reading.
	Open(path string) (fs.File, error)
	// ReadDir returns what is in a folder, sorted by name.
	ReadDir(path string) ([]fs.DirEntry, error)
}

// Files are the operations that change files.
type Files interface {
	// Create opens a new file, or an old one after emptying it, for writing.
	Create(label, path string) (File, error)
	// Append opens a file, a new one if there is none, for writing behind the size bytes
	// that it has.
	Append(label, path string) (f File, size int64, err error)
	// Rename gives a file or folder another name and replaces a file that has
	// it. It is durable only after SyncDir of both folders.
	Rename(label, from, to string) error
	// Remove removes a file or an empty folder.
	Remove(label, path string) error
}

// Folders are the operations that change folders.
type Folders interface {
	// MkdirAll makes a folder and those above it that are missing, all of them
	// durable; it is no error if it is there.
	MkdirAll(label, path string) error
	// RemoveAll removes path and all that is in it; it is no error if it is not there.
	RemoveAll(label, path string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(label, path string) error
}

// A File is a file that is being written. It is durable after Sync, its name
// after SyncDir of its folder.
type File interface {
	io.WriteCloser
	Sync() error
	// Truncate cuts the file to so many bytes, behind which the next Write goes on.
	Truncate(size int64) error
}
