package durabletest

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var errPower = errors.New("the power is off")

// A disk knows what of a folder survives a loss of power: the changes of a file that an
// fsync of it came after, and the names that an fsync of their folder came after. Of what
// came since, each change is there or not, or in part, by itself.
//
// All of it is in memory: it is for small files.
type disk struct {
	root    string
	top     *inode
	pending []naming // not durable, in the order in which they were made
}

// An inode is a folder or a file.
type inode struct {
	now, durable map[string]*inode // of a folder: as processes see it, and as it surely is after a loss of power
	base         []byte            // of a file: what is durable
	changes      []*change         // of a file: since then
}

// A naming changes names, all at once unless the folders of some are synced before.
type naming []name

// A name in a folder is that of an inode, or of none: nil.
type name struct {
	in *inode
	as string
	is *inode
}

func (n name) set(names map[string]*inode) {
	if n.is == nil {
		delete(names, n.as)
	} else {
		names[n.as] = n.is
	}
}

// Watch makes PowerLoss possible: it is called before anything changes in the folder.
// What is there is durable. No fsync goes to the real disk from then on: what it would do
// is what PowerLoss knows, and it takes most of a test's time.
func (f *FS) Watch(root string) error {
	top, err := look(root)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched = &disk{root: root, top: top}
	return err
}

// look returns the folder as it is, all of it durable.
func look(dir string) (*inode, error) {
	entries, err := os.ReadDir(dir)
	in, errs := newFolder(), []error{err}
	for _, e := range entries {
		path, child := filepath.Join(dir, e.Name()), new(inode)
		if e.IsDir() {
			child, err = look(path)
		} else {
			child.base, err = os.ReadFile(path)
		}
		in.now[e.Name()] = child
		errs = append(errs, err)
	}
	in.durable = maps.Clone(in.now)
	return in, errors.Join(errs...)
}

func newFolder() *inode {
	return &inode{now: make(map[string]*inode), durable: make(map[string]*inode)}
}

// track has the disk follow what was done, and reports whether there is one.
func (f *FS) track(do func(d *disk)) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watched != nil {
		do(f.watched)
	}
	return f.watched != nil
}

// at returns what has the path, nil if nothing below the root has.
func (d *disk) at(path string) *inode {
	rel, err := filepath.Rel(d.root, path)
	in := d.top
	for part := range strings.SplitSeq(rel, string(filepath.Separator)) {
		switch {
		case err != nil || in == nil || part == "..":
			return nil
		case part != ".":
			in = in.now[part]
		}
	}
	return in
}

// place returns the name that the path is. Its folder is nil if it is not below the root.
func (d *disk) place(path string) name {
	n := name{in: d.at(filepath.Dir(path)), as: filepath.Base(path)}
	if n.in != nil {
		n.is = n.in.now[n.as]
	}
	return n
}

// name changes names now, and on the disk after an fsync of their folders.
func (d *disk) name(names ...name) {
	names = slices.DeleteFunc(names, func(n name) bool { return n.in == nil })
	for _, n := range names {
		n.set(n.in.now)
	}
	d.pending = append(d.pending, names)
}

// create returns the file that is made, or emptied.
func (d *disk) create(path string) *inode {
	n := d.place(path)
	switch {
	case n.in == nil:
		return nil
	case n.is != nil:
		n.is.changes = append(n.is.changes, &change{cut: true})
	default:
		n.is = new(inode)
		d.name(n)
	}
	return n.is
}

// open returns the file that is there, or that is made.
func (d *disk) open(path string) *inode {
	if n := d.place(path); n.is != nil {
		return n.is
	}
	return d.create(path)
}

func (d *disk) rename(from, to string) {
	old, n := d.place(from), d.place(to)
	n.is, old.is = old.is, nil
	d.name(old, n)
}

func (d *disk) remove(path string) {
	n := d.place(path)
	n.is = nil
	d.name(n)
}

// removeAll removes name by name, as the operating system does.
func (d *disk) removeAll(path string) {
	if in := d.at(path); in != nil {
		for _, name := range slices.Sorted(maps.Keys(in.now)) {
			d.removeAll(filepath.Join(path, name))
		}
		d.remove(path)
	}
}

// mkdirAll is durable at once: see durable.OS.
func (d *disk) mkdirAll(path string) {
	n := d.place(path)
	if n.in == nil && d.below(path) {
		d.mkdirAll(filepath.Dir(path))
		n = d.place(path)
	}
	if n.in != nil && n.is == nil {
		n.is = newFolder()
		d.name(n)
		d.syncDir(filepath.Dir(path))
	}
}

// below reports whether the path is below the root.
func (d *disk) below(path string) bool {
	rel, err := filepath.Rel(d.root, path)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

func (d *disk) syncDir(path string) {
	in := d.at(path)
	if in == nil {
		return
	}
	for i, names := range d.pending {
		d.pending[i] = slices.DeleteFunc(names, func(n name) bool {
			if n.in == in {
				n.set(in.durable)
			}
			return n.in == in
		})
	}
	d.pending = slices.DeleteFunc(d.pending, func(names naming) bool { return len(names) == 0 })
}

// PowerLoss turns the power off: every later operation fails, and the watched folder
// becomes one of those that there may be then. Nothing must be writing to it. What is
// opened for reading is that which is there after the power is back.
//
// Changes of names are made in their order up to some instant, as a file system with a
// journal does it, or each or not, as POSIX lets it be. A rename from a folder to another
// is made whole, or not; after an fsync of one of them, the other follows or not.
func (f *FS) PowerLoss(r *rand.Rand) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.watched
	if d == nil {
		return errors.New("nothing is watched")
	}
	f.watched, f.dead = nil, errPower
	if r.IntN(2) == 0 {
		d.pending = d.pending[:r.IntN(len(d.pending)+1)]
	} else {
		d.pending = slices.DeleteFunc(d.pending, func(naming) bool { return r.IntN(2) == 0 })
	}
	for _, n := range slices.Concat(d.pending...) {
		n.set(n.in.durable)
	}
	entries, err := os.ReadDir(d.root)
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(d.root, e.Name())))
	}
	return errors.Join(append(errs, d.top.writeBack(d.root, r))...)
}

const (
	fileMode   = 0o640
	folderMode = 0o750
)

// writeBack makes the folder what is left of it.
func (i *inode) writeBack(dir string, r *rand.Rand) error {
	var errs []error
	for _, as := range slices.Sorted(maps.Keys(i.durable)) {
		path, in := filepath.Join(dir, as), i.durable[as]
		if in.durable != nil {
			errs = append(errs, mkdir(path), in.writeBack(path, r))
			continue
		}
		in.base, in.changes = in.after(r), nil // once, also if it has two names
		errs = append(errs, os.WriteFile(path, in.base, fileMode))
	}
	return errors.Join(errs...)
}

func mkdir(path string) error {
	if err := os.Mkdir(path, folderMode); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
