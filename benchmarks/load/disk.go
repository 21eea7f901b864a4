package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"tallystick/internal/checkpoint"
)

// saveAll saves everything for the first time, and tells how fast that is, and the disk.
func (l *load) saveAll(ctx context.Context, dir *checkpoint.Dir, out io.Writer) error {
	start, cpu := time.Now(), cpuTime()
	info, err := dir.Save(ctx)
	if err != nil {
		return err
	}
	took, used := time.Since(start), cpuTime()-cpu
	speed, err := diskSpeed(l.dir, info.Bytes)
	if err != nil {
		return err
	}
	mb := float64(info.Bytes) / 1e6
	fmt.Fprintf(out, "\nfirst checkpoint of all: %.0f MB, %.2f bytes a sample, in %v: %.0f MB/s, and %.0f MB for each second of CPU; the disk alone takes %.0f MB/s\n",
		mb, float64(info.Bytes)/float64(l.samples()), took.Round(time.Millisecond), mb/took.Seconds(), mb/used.Seconds(), speed/1e6)
	return nil
}

// samples is how many have been written.
func (l *load) samples() int { return int(l.now.Load()-begin) / step * l.made.Series() }

// diskSpeed writes so many bytes to a file in the folder, in pieces of a megabyte, has them on the disk, and
// returns how many that were a second.
func diskSpeed(dir string, size int64) (perSecond float64, err error) {
	f, err := os.CreateTemp(dir, "disk-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	piece := make([]byte, 1<<20)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(piece) // it never fails
	start := time.Now()
	for n := size; n > 0; n -= int64(len(piece)) {
		if _, err := f.Write(piece[:min(n, int64(len(piece)))]); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return float64(size) / time.Since(start).Seconds(), nil
}
