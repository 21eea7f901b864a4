package durabletest

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A disk knows what of the files below a folder survives a loss of power: bytes that an
// fsync of their file came after, and names that an fsync of their folder came after. What
// came since may be there, or not, or in part. Names of one folder are kept in the order
// in which they were made, as file systems with a journal do.
//
// All of it is in memory: it is for small files.
type disk struct {
	root    string
	live    map[string]*inode   // by path, as processes see it
	durable map[string]*inode   // by path, as it surely is after a loss of power
	pending map[string][]nameOp // by folder: what was not synced
}

// An inode is a file.
type inode struct{ now, synced []byte }

// A nameOp changes names.
type nameOp func(names map[string]*inode)

// Watch makes PowerLoss possible: it is called before anything changes below the folder.
// What is there is durable.
func (f *FS) Watch(root string) error {
	d := &disk{root: root, live: make(map[string]*inode), pending: make(map[string][]nameOp)}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		d.live[path] = &inode{b, b}
		return err
	})
	d.durable = maps.Clone(d.live)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched = d
	return err
}

// track has the disk follow what was done, if there is one.
func (f *FS) track(do func(d *disk)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watched != nil {
		do(f.watched)
	}
}

// name does something to the names now, and on the disk after an fsync of the folder.
func (d *disk) name(folder string, op nameOp) {
	op(d.live)
	d.pending[folder] = append(d.pending[folder], op)
}

func (d *disk) create(path string) {
	if old := d.live[path]; old != nil {
		old.now = nil
		return
	}
	file := new(inode)
	d.name(filepath.Dir(path), func(names map[string]*inode) { names[path] = file })
}

func (d *disk) rename(from, to string) {
	d.name(filepath.Dir(to), func(names map[string]*inode) {
		for path, file := range maps.Clone(names) {
			if rest, ok := below(path, from); ok {
				delete(names, path)
				names[to+rest] = file
			}
		}
	})
}

func (d *disk) remove(at string) {
	d.name(filepath.Dir(at), func(names map[string]*inode) {
		maps.DeleteFunc(names, func(path string, _ *inode) bool { _, ok := below(path, at); return ok })
	})
}

// below returns what of path is behind at, if it is at or below it.
func below(path, at string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, at)
	return rest, ok && (rest == "" || rest[0] == filepath.Separator)
}

func (d *disk) syncDir(folder string) {
	for _, op := range d.pending[folder] {
		op(d.durable)
	}
	delete(d.pending, folder)
}

// PowerLoss makes the watched folder one of those that there may be after a loss of power
// at this instant. Nothing must use it any more.
func (f *FS) PowerLoss(r *rand.Rand) error {
	d := f.watched
	if d == nil {
		return errors.New("nothing is watched")
	}
	for _, folder := range slices.Sorted(maps.Keys(d.pending)) {
		ops := d.pending[folder]
		for _, op := range ops[:r.IntN(len(ops)+1)] {
			op(d.durable)
		}
	}
	entries, err := os.ReadDir(d.root)
	errs := []error{err}
	for _, e := range entries { // also the folders
		errs = append(errs, os.RemoveAll(filepath.Join(d.root, e.Name())))
	}
	for _, path := range slices.Sorted(maps.Keys(d.durable)) {
		errs = append(errs, os.MkdirAll(filepath.Dir(path), folderMode), os.WriteFile(path, d.durable[path].after(r), fileMode))
	}
	return errors.Join(errs...)
}

const (
	fileMode   = 0o640
	folderMode = 0o750
)

// after returns what is in the file after a loss of power.
func (i *inode) after(r *rand.Rand) []byte {
	if bytes.Equal(i.now, i.synced) || r.IntN(3) == 0 {
		return i.synced
	}
	kept := min(len(i.now), len(i.synced)) // what was cut off may be there again
	some := bytes.Clone(i.now[:kept+r.IntN(len(i.now)-kept+1)])
	if fresh := some[kept:]; len(fresh) > 0 && r.IntN(3) == 0 { // what was written later came first
		clear(fresh[:r.IntN(len(fresh))])
	}
	return some
}
