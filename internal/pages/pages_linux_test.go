package pages_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/pages"
)

// Ensure that only what can be had again is given back.
func TestCleanAreas(t *testing.T) {
	const smaps = `00400000-01d8f000 r-xp 00000000 fe:00 9994604                            /usr/bin/x
Size:              26172 kB
Rss:               21924 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
01d8f000-038e5000 r--p 0198f000 fe:00 9994604                            /usr/bin/x
Anonymous:             4 kB
038e5000-03a5b000 rw-p 034e5000 fe:00 9994604                            /usr/bin/x
Anonymous:             0 kB
7f956973e000-7f9569a50000 r--p 00000000 fe:00 17                         /usr/lib/x
Anonymous:             0 kB
7f9569a60000-7f9569c00000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f9569d60000-7f9569e00000 r--p 00000000 fe:00 9994604                    /usr/bin/x
Anonymous:             0 kB
`
	got, err := pages.CleanAreas(strings.NewReader(smaps), "/usr/bin/x")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"400000-1d8f000", "7f9569d60000-7f9569e00000"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := pages.CleanAreas(strings.NewReader("x-y r-xp 00000000 fe:00 9994604 /usr/bin/x\n"), "/usr/bin/x"); err == nil {
		t.Error("no error of what is no smaps")
	}
}

// Ensure that pages are given back, and the process goes on.
func TestRelease(t *testing.T) {
	before := filePages(t)
	if err := pages.Release(); err != nil {
		t.Fatal(err)
	}
	if after := filePages(t); after >= before {
		t.Errorf("%d KiB of files are in memory, before it were %d", after, before)
	}
}

// filePages returns how many KiB of files are in this process's memory.
func filePages(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
