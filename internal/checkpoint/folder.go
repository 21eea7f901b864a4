package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/durable"
)

const (
	// version is that of the format, in meta.json. Before 3 each checkpoint had all of
	// everything; before 4 blocks were not sealed, before 5 in fewer ways. All are read.
	version = 5

	metaFile      = "meta.json"
	problemsFile  = "problems.txt"
	quarantine    = "quarantine"
	maxMeta       = 64 << 20 // bytes of meta.json, which has a line for each cluster and each free
	maxQuarantine = 1000     // checkpoints of one name that quarantine is tried for
)

// A meta says what the files of a checkpoint must hold: a container file that
// ends between two blocks does not know that it is cut.
type meta struct {
	Version  int       `json:"version"`
	Sequence int       `json:"sequence"`
	First    int       `json:"first"`   // lowest sequence of the checkpoints that are in it
	Created  time.Time `json:"created"` // the instant that it is of
	Log      int       `json:"log"`     // segment of the log that goes on from there
	Files    []metaOf  `json:"files"`
	Freed    frees     `json:"freed,omitempty"` // on demand since the checkpoint before First
	Checksum string    `json:"checksum"`        // CRC-32 (IEEE) of the same without it, as compact JSON
}

// sum returns the checksum of m.
func (m *meta) sum() (string, error) {
	bare := *m
	bare.Checksum = ""
	b, err := json.Marshal(&bare)
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)), err
}

type metaOf struct {
	Name    string  `json:"name"`
	Kind    Kind    `json:"kind,omitempty"`
	Cluster escaped `json:"cluster,omitempty"` // of samples and counts
	Records int     `json:"records"`
	Bytes   int64   `json:"bytes"`
	From    int64   `json:"from,omitempty"` // Unix seconds: what is in it is of [From, To)
	To      int64   `json:"to,omitempty"`
}

// escaped is a name that may be any bytes, as text.
type escaped string

// MarshalText implements encoding.TextMarshaler.
func (e escaped) MarshalText() ([]byte, error) { return []byte(url.PathEscape(string(e))), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *escaped) UnmarshalText(text []byte) error {
	s, err := url.PathUnescape(string(text))
	*e = escaped(s)
	return err
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

	meta  *meta // never nil; where it cannot be read, what the names of the files say
	known bool  // meta was read
	err   error // why not
}

func (f *folder) bytes() (n int64) {
	for _, of := range f.meta.Files {
		n += of.Bytes
	}
	return n
}

// created returns the instant that f is of.
func (f *folder) created() time.Time {
	if f.known {
		return f.meta.Created
	}
	return time.Unix(f.unix, 0)
}

// legacy reports whether f has all of everything, as before version 3.
func (f *folder) legacy() bool { return f.known && f.meta.Version < 3 }

func folderName(sequence int, at time.Time) string {
	return fmt.Sprintf("%08d-%d", sequence, at.Unix())
}

// parseFolder returns the checkpoint with the name; ok is false if it is none.
func parseFolder(name string) (f folder, ok bool) {
	s, u, _ := strings.Cut(name, "-")
	sequence, errS := strconv.Atoi(s)
	unix, errU := strconv.ParseInt(u, 10, 64)
	f = folder{name: name, sequence: sequence, unix: unix}
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

// valid returns the checkpoints that are in no newer one, newest first, each with
// its meta, and those that are in one.
func (d *Dir) valid() (valid, covered []folder, err error) {
	all, _, err := d.folders()
	first := 0
	for i := range all {
		f := &all[i]
		d.describe(f)
		switch {
		case len(valid) > 0 && f.sequence >= first:
			covered = append(covered, *f)
		default:
			valid = append(valid, *f)
			first = f.meta.First
		}
	}
	return valid, covered, err
}

// describe reads the meta.json of a checkpoint. Where it cannot be read, the files
// are read for what they are.
func (d *Dir) describe(f *folder) {
	m, err := d.readMeta(f.name)
	if err == nil {
		if m.Version < 3 {
			old(m)
		}
		f.meta, f.known = m, true
		return
	}
	f.err = err
	f.meta = &meta{Version: version, Sequence: f.sequence, First: f.sequence, Created: time.Unix(f.unix, 0)}
	entries, err := d.fsys.ReadDir(filepath.Join(d.cfg.Dir, f.name))
	if err != nil {
		f.err = errors.Join(f.err, err)
	}
	for _, e := range entries {
		if kind := kindOf(e.Name()); kind != "" {
			f.meta.Files = append(f.meta.Files, metaOf{Name: e.Name(), Kind: kind, Cluster: clusterOf(e.Name(), kind), Records: -1})
		}
	}
}

// errClosed is that of a file which is there and cannot be opened: maybe it can be later.
var errClosed = errors.New("it cannot be opened")

// open opens a file of a checkpoint.
func (d *Dir) open(name, file string) (fs.File, error) {
	f, err := d.fsys.Open(filepath.Join(d.cfg.Dir, name, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", errClosed, err)
	}
	return f, err
}

// old says of a checkpoint before version 3 what it does not: that all is in it.
func old(m *meta) {
	m.First = 0
	for i := range m.Files {
		m.Files[i].Kind = kindOf(m.Files[i].Name)
	}
}

// readMeta reads the meta.json of a checkpoint.
func (d *Dir) readMeta(name string) (*meta, error) {
	f, err := d.open(name, metaFile)
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
	if got, err := m.sum(); m.Version >= 3 && (err != nil || got != m.Checksum) {
		return nil, fmt.Errorf("%s: checksum is %s, want %q", metaFile, got, m.Checksum)
	}
	for _, of := range m.Files {
		if of.Name != filepath.Base(of.Name) {
			return nil, fmt.Errorf("%s: %q is not the name of a file", metaFile, of.Name)
		}
	}
	return &m, nil
}

// prune removes the checkpoints that are in a newer one, and sets aside those with
// problems. What cannot be done is done next time.
func (d *Dir) prune() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.views > 0 {
		return
	}
	_, covered, err := d.valid()
	if err != nil {
		d.log.Error("checkpoints not listed", "dir", d.cfg.Dir, "err", err)
		return
	}
	for _, f := range covered {
		if d.hasProblems(f.name) {
			err = d.setAside(f.name)
		} else {
			err = d.remove(f.name)
		}
		if err != nil {
			d.log.Error("old checkpoint not removed", "checkpoint", f.name, "err", err)
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
// process, could not read all of a checkpoint.
func (d *Dir) hasProblems(name string) bool {
	if d.problems[name] {
		return true
	}
	f, err := d.fsys.Open(filepath.Join(d.cfg.Dir, name, problemsFile))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) // who cannot tell removes nothing
	}
	f.Close()
	return true
}
