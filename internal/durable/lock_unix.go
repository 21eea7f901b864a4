//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// lock locks f by flock(2), which the kernel gives back when the process ends.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
