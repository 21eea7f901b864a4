package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// LockName is the file in a folder that Lock locks.
const LockName = "lock"

// ErrLocked is the error of a folder that another process has locked.
var ErrLocked = errors.New("another process uses it")

// Lock makes the folder if need be, and locks it for this process until the file
// that it returns is closed, or the process ends in whatever way. That the file
// can be made shows that the folder can be written to.
func Lock(dir string) (*os.File, error) {
	if err := (OS{}).MkdirAll("lock", dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, LockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return f, nil
}
