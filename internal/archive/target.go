package archive

import (
	"context"
	"io"
	"iter"
)

// A Target is where an archive is: a folder, or a bucket. Names are like those of an
// fs.FS, as "2026-11-25/manifest.json".
type Target interface {
	// Put makes the object of the name be the size bytes of body, as a whole or not at all.
	// What was there before is replaced.
	Put(ctx context.Context, name string, body io.Reader, size int64) error
	// Open reads an object. The error is fs.ErrNotExist if there is none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// List yields the objects, sorted by name, whose name begins with prefix.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Remove removes an object; it is no error if there is none.
	Remove(ctx context.Context, name string) error
}

// An Object is a file at a target.
type Object struct {
	Name  string
	Bytes int64
}
