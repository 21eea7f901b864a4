package source

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tallystick/internal/durable"
)

// renamed returns the file that p is of, and the name that it has now in the folder of path;
// nil if it is not there, or nothing tells: the folder may not be for us to list.
func (p place) renamed(fsys durable.Reader, path string) (f readable, name string, err error) { //nolint:ireturn // as open
	if p.Inode == 0 {
		return nil, "", nil
	}
	dir := filepath.Dir(path)
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, "", nil //nolint:nilerr // see above
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || !info.Mode().IsRegular() || inode(info) != p.Inode {
			continue
		}
		name = filepath.Join(dir, e.Name())
		if f, err := p.open(fsys, name); f != nil || err != nil {
			return f, name, err
		}
	}
	return nil, "", nil
}

// open opens the file of that name if p is of it: its number may be another's meanwhile.
func (p place) open(fsys durable.Reader, path string) (readable, error) { //nolint:ireturn // as open
	f, err := open(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // it went in this moment
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && inode(info) == p.Inode {
		if same, err := p.isOf(f, info.Size()); same && err == nil {
			return f, nil
		}
	}
	return nil, f.Close()
}

// advance goes on behind a file that is read to its end and has another name now: with what was
// renamed after it and nobody has read, as where several days went by; else with what has its name.
func (f *File) advance() error {
	old, name, err := f.place.renamed(f.fsys, f.cfg.Path)
	if err != nil {
		return err
	}
	next := ""
	if old != nil {
		next = successor(f.cfg.Path, name)
		_ = old.Close()
	}
	if next == "" {
		f.forget()
		return nil
	}
	file, err := open(f.fsys, next)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	f.forget() // not before: what cannot be opened now is tried again, and not passed over
	f.place = place{ID: rand.Text(), Inode: inode(info)}
	f.tail, f.final = &tail{f: file}, true
	f.log.Info("file: one that was renamed meanwhile is read", "name", next)
	return nil
}

// maxRotated is the greatest number that a renamed file has: more digits are a date.
const maxRotated = 9999

// successor returns what had the path after the file that has that name now, if it was renamed too:
// PATH.1 of PATH.2, PATH-20261127 of PATH-20261126, as logrotate names them. Empty: nothing, or
// it cannot be told, or it was packed.
func successor(path, name string) string {
	suffix, ok := strings.CutPrefix(name, path)
	if !ok || len(suffix) < 2 || strings.Trim(suffix[1:], "0123456789") != "" {
		return ""
	}
	if n, err := strconv.Atoi(suffix[1:]); suffix[0] == '.' && err == nil && n <= maxRotated {
		return numbered(path, n)
	}
	return dated(path, suffix)
}

// numbered returns the file that has the greatest number below n.
func numbered(path string, n int) string {
	for n--; n > 0; n-- {
		if at := path + "." + strconv.Itoa(n); isFile(at) {
			return at
		}
	}
	return ""
}

// dated returns the file that has the next date after that of suffix, written in the same way.
func dated(path, suffix string) string {
	entries, err := os.ReadDir(filepath.Dir(path)) // sorted
	if err != nil {
		return ""
	}
	for _, e := range entries {
		at := filepath.Join(filepath.Dir(path), e.Name())
		date, ok := strings.CutPrefix(at, path+suffix[:1])
		if ok && len(date) == len(suffix)-1 && strings.Trim(date, "0123456789") == "" && date > suffix[1:] && isFile(at) {
			return at
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}
