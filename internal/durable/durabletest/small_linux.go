package durabletest

import (
	"syscall"
	"testing"
)

// SmallDisk returns the folder of a file system of its own that takes so many bytes, so
// that it can be full in earnest. The test is skipped where none may be mounted.
func SmallDisk(tb testing.TB, bytes string) (dir string) {
	tb.Helper()
	dir = tb.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		tb.Skipf("cannot mount a small file system: %v", err)
	}
	tb.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
