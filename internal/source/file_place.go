package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"tallystick/internal/durable"
)

// headSize is how much of its beginning a file is known by.
const headSize = 256

// A place is how far a file has been read. It is written down before the bytes from At
// to Until are handed over, and so tells after a crash which those are: they are handed
// over again as they were, and what of them was taken is known.
type place struct {
	ID    string `json:"id"`              // of the file, told apart from those that had its name before
	Inode uint64 `json:"inode,omitempty"` // by which it is found when it has another name; 0: not known
	Head  uint32 `json:"head"`            // CRC-32 of its first HeadN bytes
	HeadN int    `json:"headn"`
	At    int64  `json:"at"`    // what is before it was taken
	Until int64  `json:"until"` // At if nothing was being handed over
}

// loadPlace reads a place; the zero place if there is none.
func loadPlace(path string) (p place, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return place{}, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err == nil && (p.At < 0 || p.Until < p.At || p.HeadN < 0 || p.HeadN > headSize || p.Until-p.At > maxFileLine+1) {
		err = errors.New("it makes no sense")
	}
	if err != nil {
		return place{}, fmt.Errorf("place of a file, %s: %w", path, err)
	}
	return p, nil
}

func (p place) save(fsys durable.FS, path string) error {
	return durable.WriteFile(fsys, "FILE:PLACE", path, func(w io.Writer) error { return json.NewEncoder(w).Encode(p) })
}

// know returns p with by what f is known, if more of it can be than before.
func (p place) know(f io.ReaderAt) (place, error) {
	n := int(min(p.Until, headSize))
	if n <= p.HeadN {
		return p, nil
	}
	sum, err := head(f, n)
	if err == nil {
		p.Head, p.HeadN = sum, n
	}
	return p, err
}

// isOf reports whether p is of f, which is so long.
func (p place) isOf(f io.ReaderAt, size int64) (bool, error) {
	if p.ID == "" || size < p.Until {
		return false, nil
	}
	sum, err := head(f, p.HeadN)
	return sum == p.Head, err
}

// head returns the CRC-32 of the first n bytes.
func head(f io.ReaderAt, n int) (uint32, error) {
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return crc32.ChecksumIEEE(b), nil
}
