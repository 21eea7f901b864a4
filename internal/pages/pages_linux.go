package pages

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Release gives back the pages of the binary that are in memory. Most of them only the start
// needed, and they count as the process's own until the kernel is short of memory; what is
// needed again is read again (MADV_DONTNEED in madvise(2)). Pages that are not as in the file stay.
func Release() error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	areas, err := cleanAreas(f, binary)
	if err != nil {
		return err
	}
	for _, a := range areas { // nobody can write there meanwhile
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, a.start, a.end-a.start, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise: %w", errno)
		}
	}
	return nil
}

// An area is a range of addresses.
type area struct{ start, end uintptr }

// cleanAreas returns the areas of a file that cannot be written and never were, as told by
// /proc/PID/smaps (proc_pid_smaps(5)).
func cleanAreas(smaps io.Reader, file string) (out []area, err error) {
	s := bufio.NewScanner(smaps)
	var at area
	var of bool
	for s.Scan() {
		f := strings.Fields(s.Text())
		switch {
		case len(f) >= 5 && !strings.HasSuffix(f[0], ":"): // 00400000-01d8f000 r-xp 00000000 fe:00 9994604 /usr/bin/x
			of = len(f) == 6 && f[5] == file && !strings.Contains(f[1], "w")
			if _, err := fmt.Sscanf(f[0], "%x-%x", &at.start, &at.end); err != nil {
				return nil, fmt.Errorf("smaps: %w", err)
			}
		case of && len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0":
			out = append(out, at)
		}
	}
	return out, s.Err()
}
