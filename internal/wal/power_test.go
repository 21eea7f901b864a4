package wal_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tallystick/internal/durable/durabletest"
	"tallystick/internal/wal"
)

// TestPowerLoss cuts the power at each operation. With Always nothing is lost that was
// acknowledged; with the others what is left is whole records, in their order, none of
// which was never written; with Interval, all that an fsync came after.
func TestPowerLoss(t *testing.T) {
	for _, kind := range []wal.Sync{wal.Always, wal.Interval, wal.Never} {
		for at := 1; ; at++ {
			dir := t.TempDir()
			fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Crash: true, Applied: at%2 == 0}}}
			if err := fsys.Watch(dir); err != nil {
				t.Fatal(err)
			}
			l := wal.New(wal.Config{Dir: dir, Sync: kind, SegmentBytes: 150}, fsys, time.Now, quiet())
			var sent []string
			acknowledged, synced := 0, 0
			for i := range 12 {
				sent = append(sent, fmt.Sprintf("record %d of %s", i, kind))
				if l.Commit(&entry{payload: []byte(sent[i])}) == nil {
					acknowledged = i + 1
				}
				if i%4 == 3 {
					before := l.Stats().Syncs
					if l.Step(); l.Stats().Syncs > before {
						synced = acknowledged
					}
				}
			}
			ops := len(fsys.Ops())
			if err := fsys.PowerLoss(rand.New(rand.NewPCG(uint64(at), 7))); err != nil {
				t.Fatal(err)
			}
			got, _ := read(t, dir, 0, 0)
			least := map[wal.Sync]int{wal.Always: acknowledged, wal.Interval: synced, wal.Never: 0}[kind]
			if !subset(got, sent) || len(got) < least || !slices.Equal(got[:least], sent[:least]) {
				t.Errorf("%s, power lost at operation %d: got %q, want at least the first %d of those that were sent", kind, at, got, least)
			}
			if at > ops {
				break
			}
		}
	}
}
