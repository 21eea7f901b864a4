package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/durable"
)

const (
	version = 2 // of the format, in meta.json; 1 had other values in samples.avro, and is read too

	metaFile      = "meta.json"
	problemsFile  = "problems.txt"
	quarantine    = "quarantine"
	maxMeta       = 1 << 20 // bytes of meta.json; ours has less than 1 KB
	maxQuarantine = 1000    // checkpoints of one name that quarantine is tried for
)

// A meta says what the files of a checkpoint must hold: a container file that
// ends between two blocks does not know that it is cut.
type meta struct {
	Version  int       `json:"version"`
	Sequence int       `json:"sequence"`
	Created  time.Time `json:"created"` // the instant that all of it is of
	Files    []metaOf  `json:"files"`
}

type metaOf struct {
	Name    string `json:"name"`
	Records int    `json:"records"`
	Bytes   int64  `json:"bytes"`
}

// of returns what m says of a file, nil if nothing.
func (m *meta) of(file string) *metaOf {
	for i := range m.Files {
		if m.Files[i].Name == file {
			return &m.Files[i]
		}
	}
	return nil
}

// A folder is a complete checkpoint.
type folder struct {
	name     string
	sequence int
	unix     int64
}

func folderName(sequence int, at time.Time) string {
	return fmt.Sprintf("%08d-%d", sequence, at.Unix())
}

// parseFolder returns the checkpoint with the name; ok is false if it is none.
func parseFolder(name string) (f folder, ok bool) {
	s, u, _ := strings.Cut(name, "-")
	sequence, errS := strconv.Atoi(s)
	unix, errU := strconv.ParseInt(u, 10, 64)
	f = folder{name, sequence, unix}
	return f, errS == nil && errU == nil && name == folderName(sequence, time.Unix(unix, 0))
}

// folders returns the complete checkpoints, newest first, and the names of what
// was left incomplete. All else is not ours and is left alone.
func (d *Dir) folders() (complete []folder, left []string, err error) {
	entries, err := d.fsys.ReadDir(d.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name, temp := strings.CutSuffix(e.Name(), durable.TempSuffix)
		switch f, ok := parseFolder(name); {
		case !ok || !e.IsDir():
		case temp:
			left = append(left, e.Name())
		default:
			complete = append(complete, f)
		}
	}
	slices.SortFunc(complete, func(a, b folder) int {
		return cmp.Or(cmp.Compare(b.sequence, a.sequence), cmp.Compare(b.unix, a.unix))
	})
	return complete, left, nil
}

// prune removes the checkpoints that are too many after the newest one, named
// so, was saved, and sets aside those with problems. What cannot be done is done
// next time.
func (d *Dir) prune(newest string) {
	folders, _, err := d.folders()
	if err != nil {
		d.log.Error("checkpoints not listed", "dir", d.cfg.Dir, "err", err)
		return
	}
	kept := 0
	for _, f := range folders {
		switch {
		case f.name == newest:
			kept++
		case d.hasProblems(f.name):
			err = d.setAside(f.name)
		case kept < max(d.cfg.Keep, 1):
			kept++
		default:
			err = d.remove(f.name)
		}
		if err != nil {
			d.log.Error("old checkpoint not removed", "checkpoint", f.name, "err", err)
			err = nil
		}
	}
}

// remove removes a checkpoint. It loses its name first, so that a crash cannot
// leave half of one.
func (d *Dir) remove(name string) error {
	path := filepath.Join(d.cfg.Dir, name)
	if err := durable.Move(d.fsys, "checkpoint remove", path, path+durable.TempSuffix); err != nil {
		return err
	}
	return d.fsys.RemoveAll("checkpoint remove", path+durable.TempSuffix)
}

// setAside moves a checkpoint to quarantine, where only the operator removes.
func (d *Dir) setAside(name string) error {
	aside := filepath.Join(d.cfg.Dir, quarantine)
	if err := d.fsys.MkdirAll("checkpoint quarantine", aside); err != nil {
		return err
	}
	to, err := d.free(filepath.Join(aside, name))
	if err != nil {
		return err
	}
	if err := durable.Move(d.fsys, "checkpoint quarantine", filepath.Join(d.cfg.Dir, name), to); err != nil {
		return err
	}
	delete(d.problems, name)
	d.log.Warn("checkpoint set aside", "checkpoint", name, "to", to)
	return nil
}

// free returns path, or path with a number behind it if something is there.
func (d *Dir) free(path string) (string, error) {
	at := path
	for i := range maxQuarantine {
		if i > 0 {
			at = path + "." + strconv.Itoa(i)
		}
		f, err := d.fsys.Open(at)
		if errors.Is(err, fs.ErrNotExist) {
			return at, nil
		}
		if err != nil {
			return "", err
		}
		if err := f.Close(); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: %w", path, fs.ErrExist)
}

// hasProblems reports whether a restore, maybe of an earlier life of the
// process, could not use all of a checkpoint.
func (d *Dir) hasProblems(name string) bool {
	if d.problems[name] {
		return true
	}
	f, err := d.fsys.Open(filepath.Join(d.cfg.Dir, name, problemsFile))
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// readMeta reads the meta.json of a checkpoint.
func (d *Dir) readMeta(name string) (*meta, error) {
	f, err := d.fsys.Open(filepath.Join(d.cfg.Dir, name, metaFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMeta))
	if err != nil {
		return nil, err
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", metaFile, err)
	}
	if m.Version < 1 || m.Version > version {
		return nil, fmt.Errorf("%s: version %d, want 1 to %d", metaFile, m.Version, version)
	}
	return &m, nil
}
