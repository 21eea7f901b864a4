//go:build unix

package source

import (
	"io/fs"
	"syscall"
)

// inode returns the number of a file, which stays when it is renamed.
func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino) //nolint:unconvert // it is no uint64 on every system
	}
	return 0
}
