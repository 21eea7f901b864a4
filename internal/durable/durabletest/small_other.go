//go:build !linux

package durabletest

import "testing"

// SmallDisk skips the test: there is no small file system to be had here.
func SmallDisk(tb testing.TB, _ string) string {
	tb.Helper()
	tb.Skip("no small file system can be mounted here")
	return ""
}
