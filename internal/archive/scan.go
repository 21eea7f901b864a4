package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/linkedin/goavro/v2"

	"tallystick/api"
	"tallystick/internal/checkpoint"
	"tallystick/internal/ocf"
)

func sumOf(b []byte) Sum { return sha256.Sum256(b) }

// A tally hashes and counts what passes through it, and keeps what went wrong with it.
type tally struct {
	r    io.Reader
	hash hash.Hash
	n    int64
	err  error // but io.EOF
}

func newTally(r io.Reader) *tally { return &tally{r: r, hash: sha256.New()} }

func (t *tally) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	_, _ = t.hash.Write(p[:n]) // never fails
	t.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

func (t *tally) sum() (s Sum) {
	t.hash.Sum(s[:0])
	return s
}

// items yields the records of a file that can be read. What cannot is told.
func items(in *ocf.Reader, kind Kind, tell func(error)) iter.Seq[item] {
	return func(yield func(item) bool) {
		if !in.Open(schemaOf(kind)) {
			return
		}
		if !knows(kind, in) { // a bit may have turned in the name of a field
			tell(errors.New("its schema is not one of this or an older version: what is read may lack fields"))
		}
		for n, block := range in.Blocks() {
			for i := range n {
				it, rest, err := cutItem(kind, in.Codec(), block)
				if err != nil {
					tell(fmt.Errorf("in the block before byte %d: %w", in.Bytes(), err))
				} else if !yield(it) {
					return
				}
				if len(rest) >= len(block) { // a record takes at least a byte
					break
				}
				if block = rest; i == n-1 && len(rest) > 0 {
					tell(fmt.Errorf("in the block before byte %d: %d bytes behind the last record", in.Bytes(), len(rest)))
				}
			}
		}
	}
}

// knows reports whether the file is one of this or of an older version.
func knows(kind Kind, in *ocf.Reader) bool {
	if in.Same() {
		return true
	}
	old := map[Kind][]string{checkpoint.Transfers: api.OldTransfers(), checkpoint.Packets: api.OldPackets()}
	return slices.ContainsFunc(old[kind], func(text string) bool {
		old, err := goavro.NewCodec(text)
		return err == nil && old.Schema() == in.Codec().Schema()
	})
}

// scanned is what a file of a target has.
type scanned struct {
	File             // as the file says it itself
	problems []error // damage
}

// maxTold is how many problems of a file are told.
const maxTold = 20

// scan reads all of a file and gives each record that can be read to each, which may be
// nil. Its error is of the target, or each's.
func scan(ctx context.Context, t Target, name string, each func(item) error) (*scanned, error) {
	in, err := t.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	base := path.Base(name)
	s := &scanned{File: File{Name: base, Kind: kindOf(base)}}
	from := newTally(in)
	if strings.HasSuffix(base, avroSuffix) {
		err = s.records(from, each)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, from) // what is behind, or all of it
	}
	s.Bytes, s.SHA256 = from.n, from.sum()
	if err = errors.Join(err, from.err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return s, nil
}

func (s *scanned) records(from *tally, each func(item) error) error {
	tell := func(err error) {
		if len(s.problems) < maxTold {
			s.problems = append(s.problems, err)
		}
	}
	r := ocf.NewReader(from, tell)
	for it := range items(r, s.Kind, tell) {
		s.Cluster = Escaped(it.cluster) // all have the same
		s.add(it)
		if each == nil {
			continue
		}
		if err := each(it); err != nil {
			return err
		}
	}
	s.Codec = r.Packed()
	return nil
}

// add counts a record.
func (f *File) add(it item) {
	if f.Records == 0 {
		f.From, f.To = it.from, it.to
	}
	f.Records++
	f.From, f.To = min(f.From, it.from), max(f.To, it.to)
}

// differs returns how the file is not what the manifest says of it.
func (f *File) differs(want *File) error {
	switch {
	case f.Bytes != want.Bytes:
		return fmt.Errorf("it has %d bytes, and %s tells of %d", f.Bytes, manifestName, want.Bytes)
	case f.SHA256 != want.SHA256:
		return fmt.Errorf("its SHA-256 is not that in %s", manifestName)
	case strings.HasSuffix(f.Name, parquetSuffix):
		return nil // the rows are not counted
	case f.Records != want.Records:
		return fmt.Errorf("it has %d records, and %s tells of %d", f.Records, manifestName, want.Records)
	}
	return nil
}
