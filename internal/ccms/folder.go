package ccms

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// walName is the file of what came since the last snapshot.
const walName = "current.wal"

// A file is one of a host that can be read.
type file struct {
	path string
	from int64 // its first second; of a WAL as late as can be, since it is read last
	kind kind
}

type kind int

const (
	jsonKind kind = iota
	binaryKind
	walKind
)

// Why a file is left alone.
var (
	errStray   = errors.New("left alone: not a file of cc-metric-store's checkpoints")
	errTemp    = errors.New("left alone: a snapshot that was not written to its end")
	errArchive = errors.New("left alone: of an archive, or of a version that was never released")
	errFolder  = errors.New("left alone: not a folder")
)

// fileOf returns which file a name is of, or why it is none.
func fileOf(name string) (file, error) {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	from, err := strconv.ParseInt(stem, 10, 64)
	switch {
	case name == walName:
		return file{from: 1<<63 - 1, kind: walKind}, nil
	case ext == ".tmp":
		return file{}, errTemp
	case ext == ".avro" || ext == ".parquet" || ext == ".zip":
		return file{}, errArchive
	case ext == ".json" && err == nil:
		return file{from: from, kind: jsonKind}, nil
	case ext == ".bin" && err == nil:
		return file{from: from, kind: binaryKind}, nil
	}
	return file{}, errStray
}

// folders returns the names of the folders in dir. What else is there is told;
// links to folders are good.
func (im *Importer) folders(fsys fs.FS, dir string) []string {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		im.problem(dir, err)
	}
	var out []string
	for _, e := range entries {
		at := path.Join(dir, e.Name())
		switch info, err := fs.Stat(fsys, at); {
		case err != nil:
			im.problem(at, err)
		case !info.IsDir():
			im.problem(at, errFolder)
		default:
			out = append(out, e.Name())
		}
	}
	return out
}

// files returns the files of a host in the order in which they were written.
func (im *Importer) files(fsys fs.FS, host string) []file {
	entries, err := fs.ReadDir(fsys, host)
	if err != nil {
		im.problem(host, err)
	}
	var out []file
	for _, e := range entries {
		at := path.Join(host, e.Name())
		f, err := fileOf(e.Name())
		if e.IsDir() {
			err = fmt.Errorf("%w, a folder", errStray)
		}
		if err != nil {
			im.problem(at, err)
			continue
		}
		f.path = at
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b file) int { return cmp.Compare(a.from, b.from) })
	return out
}
