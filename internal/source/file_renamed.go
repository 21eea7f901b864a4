package source

import (
	"os"
	"path/filepath"
)

// renamed returns the file that p is of, which has another name in the folder of path now;
// nil if it is not there.
func (p place) renamed(path string) *os.File {
	if p.Inode == 0 {
		return nil
	}
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || !info.Mode().IsRegular() || inode(info) != p.Inode {
			continue
		}
		if f := p.open(filepath.Join(dir, e.Name())); f != nil {
			return f
		}
	}
	return nil
}

// open opens the file of that name if p is of it: its number may be another's meanwhile.
func (p place) open(path string) *os.File {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err == nil && inode(info) == p.Inode {
		if same, err := p.isOf(f, info.Size()); same && err == nil {
			return f
		}
	}
	_ = f.Close()
	return nil
}
