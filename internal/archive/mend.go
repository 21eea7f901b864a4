package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/ocf"
)

// A Checked file is what Verify found.
type Checked struct {
	Name     string  `json:"name"` // with its day
	Bytes    int64   `json:"bytes"`
	Records  int64   `json:"records"`  // that can be read
	Problems []error `json:"problems"` // none: it is what it was when it was archived
}

// Verify reads all of a day, and tells each file with what is wrong with it; also the
// manifest, if something is wrong with that. Its error is one of the target.
func (a *Archive) Verify(ctx context.Context, d Listing, tell func(Checked)) error {
	m, err := readManifest(ctx, a.target, d.Day)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errManifest):
		tell(Checked{Name: nameOf(d.Day, manifestName), Problems: []error{err}})
	case err != nil:
		return err
	}
	for _, base := range d.files() {
		name := nameOf(d.Day, base)
		got, err := scan(ctx, a.target, name, nil)
		if err != nil {
			return err
		}
		if want := m.File(base); want != nil {
			if err := got.differs(want); err != nil {
				got.problems = append(got.problems, err)
			}
		} else if m != nil {
			got.problems = append(got.problems, fmt.Errorf("%s does not tell of it", manifestName))
		}
		tell(Checked{name, got.Bytes, got.Records, got.problems})
	}
	if m != nil {
		for _, f := range m.Files {
			if !slices.Contains(d.files(), f.Name) {
				tell(Checked{Name: nameOf(d.Day, f.Name), Problems: []error{errMissing}})
			}
		}
	}
	return nil
}

// remake makes the manifest of a day of its files, and returns also what is wrong with
// them. Nothing is written.
func remake(ctx context.Context, t Target, d Listing) (*Manifest, map[string][]error, error) {
	m := &Manifest{Version: Version, Day: d.Day}
	problems := make(map[string][]error)
	for _, base := range d.files() {
		got, err := scan(ctx, t, nameOf(d.Day, base), nil)
		if err != nil {
			return nil, nil, err
		}
		if len(got.problems) > 0 {
			problems[base] = got.problems
		}
		m.put(got.File)
	}
	return m, problems, nil
}

// put makes f the one of its name.
func (m *Manifest) put(f File) {
	if f.Made.IsZero() {
		f.Made = time.Unix(0, 0).UTC() // nobody knows
	}
	if old := m.File(f.Name); old != nil {
		f.Made = old.Made
		if f.Cluster == "" {
			f.Cluster = old.Cluster
		}
	}
	*m = *m.with(m.Day, f.Kind, append(m.others(f), f))
}

// others returns the files of the kind of f, but f.
func (m *Manifest) others(f File) (out []File) {
	for _, o := range m.Files {
		if o.Kind == f.Kind && o.Name != f.Name {
			out = append(out, o)
		}
	}
	return out
}

// A Repaired file is what Repair did.
type Repaired struct {
	Name string // with its day
	Done string // in words
	Err  error  // why that was needed
}

// A Mender repairs days.
type Mender struct {
	Archive *Archive
	FS      durable.FS // of Temp
	Temp    string     // folder in which files are made
}

// Repair makes of a day what can be made of it: a damaged file becomes one of what can be
// read of it, and is kept beside as it is; the manifest becomes that of the files. What is
// right is not touched.
func (r *Mender) Repair(ctx context.Context, d Listing, tell func(Repaired)) error {
	t := r.Archive.target
	m, err := readManifest(ctx, t, d.Day)
	changed := err != nil
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m = &Manifest{Version: Version, Day: d.Day}
	case errors.Is(err, errManifest):
		m = &Manifest{Version: Version, Day: d.Day}
		aside, asideErr := setAside(ctx, t, nameOf(d.Day, manifestName))
		if asideErr != nil {
			return asideErr
		}
		tell(Repaired{nameOf(d.Day, manifestName), "kept as " + path.Base(aside), err})
	case err != nil:
		return err
	}
	for _, base := range d.files() {
		fixed, err := r.file(ctx, m, d.Day, base, tell)
		if err != nil {
			return err
		}
		changed = changed || fixed
	}
	lost := func(f File) bool { return !slices.Contains(d.files(), f.Name) }
	for _, f := range m.Files {
		if lost(f) {
			changed = true
			tell(Repaired{nameOf(d.Day, f.Name), "left out of " + manifestName, errMissing})
		}
	}
	m.Files = slices.DeleteFunc(m.Files, lost)
	if !changed {
		return nil
	}
	if err := m.write(ctx, t); err != nil {
		return err
	}
	tell(Repaired{nameOf(d.Day, manifestName), "made of the files", nil})
	return nil
}

// file repairs one, and makes m tell of it. It returns whether anything was changed.
func (r *Mender) file(ctx context.Context, m *Manifest, day Day, base string, tell func(Repaired)) (bool, error) {
	t, name := r.Archive.target, nameOf(day, base)
	got, err := scan(ctx, t, name, nil)
	if err != nil {
		return false, err
	}
	want := m.File(base)
	wrong := errors.Join(got.problems...)
	if want != nil {
		wrong = errors.Join(wrong, got.differs(want))
	}
	switch {
	case wrong == nil && want != nil:
		return false, nil
	case wrong == nil:
		m.put(got.File)
		return true, nil
	case strings.HasSuffix(base, parquetSuffix):
		return r.drop(ctx, m, day, base, wrong, tell)
	}
	aside, err := setAside(ctx, t, name)
	if err != nil {
		return false, err
	}
	f, err := r.rewrite(ctx, day, &got.File)
	if err != nil {
		return false, fmt.Errorf("repair %s: %w", name, err)
	}
	tell(Repaired{name, fmt.Sprintf("has the %d records that can be read; kept as %s", f.Records, path.Base(aside)), wrong})
	m.put(*f)
	return true, nil
}

// drop sets a damaged Parquet file aside: all that is in it is in the Avro file too.
func (r *Mender) drop(ctx context.Context, m *Manifest, day Day, base string, wrong error, tell func(Repaired)) (bool, error) {
	t, name := r.Archive.target, nameOf(day, base)
	aside, err := setAside(ctx, t, name)
	if err == nil {
		err = t.Remove(ctx, name)
	}
	if err != nil {
		return false, err
	}
	tell(Repaired{name, "removed, since the Avro file has the same; kept as " + path.Base(aside), wrong})
	m.Files = slices.DeleteFunc(m.Files, func(f File) bool { return f.Name == base })
	return true, nil
}

// rewrite makes a file anew of those of its records that can be read.
func (r *Mender) rewrite(ctx context.Context, day Day, of *File) (*File, error) {
	m := &maker{target: r.Archive.target, fsys: r.FS, temp: r.Temp}
	if err := m.fsys.MkdirAll("archive temp", m.temp); err != nil {
		return nil, err
	}
	f := &File{Name: of.Name, Kind: of.Kind, Cluster: of.Cluster, Codec: of.Codec}
	if !slices.Contains(ocf.Codecs(), f.Codec) {
		f.Codec = ocf.Null // the header cannot be read, or is damaged
	}
	err := m.write(f, func(w io.Writer) error {
		out, err := newBlocks(w, schemaOf(f.Kind), f.Codec)
		if err != nil {
			return err
		}
		add, err := appender(f.Kind)
		if err != nil {
			return err
		}
		_, err = scan(ctx, m.target, nameOf(day, f.Name), func(it item) error {
			f.add(it)
			return out.add(func(to []byte) ([]byte, error) { return add(to, it.value) })
		})
		return errors.Join(err, out.Flush())
	})
	if err != nil {
		return nil, err
	}
	in, err := m.fsys.Open(m.path(f.Name))
	if err != nil {
		return nil, err
	}
	name := nameOf(day, f.Name)
	err = errors.Join(m.target.Put(ctx, name, in, f.Bytes), in.Close())
	if err == nil {
		err = check(ctx, m.target, name, f)
	}
	return f, errors.Join(err, m.clear(f))
}

// setAside copies an object to a name of its own, which it returns.
func setAside(ctx context.Context, t Target, name string) (aside string, err error) {
	taken := make(map[string]int64)
	for o, err := range t.List(ctx, name) {
		if err != nil {
			return "", err
		}
		taken[o.Name] = o.Bytes
	}
	aside = name + damagedSuffix
	for i := 1; ; i++ {
		if _, ok := taken[aside]; !ok {
			break
		}
		aside = fmt.Sprintf("%s%s-%d", name, damagedSuffix, i)
	}
	in, err := t.Open(ctx, name)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if err := t.Put(ctx, aside, in, taken[name]); err != nil {
		return "", fmt.Errorf("keep %s: %w", filepath.ToSlash(name), err)
	}
	return aside, nil
}
