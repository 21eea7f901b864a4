package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/ocf"
)

// blockBytes is about how large an Avro block is before it is packed: what damage costs,
// and what a reader holds.
const blockBytes = 128 << 10

// A maker makes files and brings them to the target.
type maker struct {
	target Target
	fsys   durable.FS
	temp   string // folder
	codec  ocf.Codec
}

// path returns where a file is made.
func (m *maker) path(name string) string { return filepath.Join(m.temp, name+durable.TempSuffix) }

// begin makes the folder and removes what an earlier process left.
func (m *maker) begin() error {
	if err := m.fsys.MkdirAll("archive temp", m.temp); err != nil {
		return err
	}
	left, err := m.fsys.ReadDir(m.temp)
	for _, e := range left {
		if filepath.Ext(e.Name()) == durable.TempSuffix && kindOf(e.Name()[:len(e.Name())-len(durable.TempSuffix)]) != "" {
			err = errors.Join(err, m.fsys.Remove("archive temp", filepath.Join(m.temp, e.Name())))
		}
	}
	return err
}

// avro makes a file, which is not at the target yet, of records and returns what the
// manifest is to say of it. There is no file if there are no records.
func (m *maker) avro(ctx context.Context, name, schema string, records iter.Seq2[record, error]) (*File, error) {
	next, stop := iter.Pull2(records)
	defer stop()
	r, err, ok := next()
	if !ok || err != nil {
		return nil, err
	}
	f := &File{Name: name, Kind: kindOf(name), Codec: m.codec, Cluster: Escaped(r.cluster)}
	err = m.write(f, func(w io.Writer) error {
		out, err := newBlocks(w, schema, m.codec)
		if err != nil {
			return err
		}
		for ; ok; r, err, ok = next() {
			if err := errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			if err := out.add(r.append); err != nil {
				return err
			}
			f.add(r.item)
		}
		return out.Flush()
	})
	return f, err
}

// write writes a file that is made, with what f says of its bytes.
func (m *maker) write(f *File, fill func(io.Writer) error) error {
	sum, n := sha256.New(), counter(0)
	err := durable.Write(m.fsys, "archive temp", m.path(f.Name), func(w io.Writer) error {
		return fill(io.MultiWriter(w, sum, &n))
	})
	f.Bytes = int64(n)
	sum.Sum(f.SHA256[:0])
	return err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// A record is an item and how it appends itself.
type record struct {
	item

	append func(to []byte) ([]byte, error)
}

// blocks writes an Avro file in blocks of about blockBytes.
type blocks struct {
	*ocf.Writer

	bytes int
}

func newBlocks(w io.Writer, schema string, codec ocf.Codec) (*blocks, error) {
	out, err := ocf.NewWriter(w, schema, codec, blockBytes) // a record takes at least a byte
	return &blocks{Writer: out}, err
}

func (b *blocks) add(record func(to []byte) ([]byte, error)) error {
	err := b.Append(func(to []byte) ([]byte, error) {
		out, err := record(to)
		b.bytes = len(out)
		return out, err
	})
	if err != nil || b.bytes < blockBytes {
		return err
	}
	return b.Flush()
}

// put brings a file that was made to the target and reads it back: nothing that is not
// there as it was made goes into a manifest.
func (m *maker) put(ctx context.Context, day Day, f *File) error {
	in, err := m.fsys.Open(m.path(f.Name))
	if err != nil {
		return err
	}
	name := nameOf(day, f.Name)
	if err = m.spare(ctx, name, f); err == nil {
		err = m.target.Put(ctx, name, in, f.Bytes)
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	if err := check(ctx, m.target, name, f); err != nil {
		return fmt.Errorf("read back %s: %w", name, err)
	}
	return nil
}

// spare keeps what is at the target under the name of a file that no manifest names, if
// it has more records than the file: someone has lost the manifest, and the checkpoints
// have forgotten a part since.
func (m *maker) spare(ctx context.Context, name string, f *File) error {
	there, err := scan(ctx, m.target, name, nil)
	if errors.Is(err, fs.ErrNotExist) || err == nil && there.Records <= f.Records {
		return nil
	}
	if err == nil {
		_, err = setAside(ctx, m.target, name)
	}
	return err
}

// check reads a file at the target and compares it with what it should be.
func check(ctx context.Context, t Target, name string, want *File) error {
	got, err := scan(ctx, t, name, nil)
	if err != nil {
		return err
	}
	return errors.Join(append(got.problems, got.differs(want))...)
}

// clear removes what was made.
func (m *maker) clear(f *File) error { return m.fsys.Remove("archive temp", m.path(f.Name)) }

// TempDir returns the folder in which files are made.
func (c Config) TempDir() string {
	switch {
	case c.Temp != "":
		return c.Temp
	case c.Dir != "":
		return filepath.Join(c.Dir, "tmp")
	}
	return os.TempDir()
}

// made notes when the files were made.
func made(files []File, now time.Time) []File {
	for i := range files {
		files[i].Made = now.UTC().Truncate(time.Second)
	}
	return files
}
