package checkpoint_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/durable/durabletest"
)

// TestPowerLoss cuts the power at each operation of a save that also merges, in every
// way: the old or the new checkpoint is there, whole, and the new one if Save said so.
func TestPowerLoss(t *testing.T) {
	one, two := small(t, 1).content(), small(t, 2).content()
	origin := first(t)
	for at := 1; ; at++ {
		dir := like(t, origin)
		fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: at, Crash: true, Applied: at%2 == 0}}}
		if err := fsys.Watch(dir); err != nil {
			t.Fatal(err)
		}
		_, err := open(dir, fsys, small(t, 2)).Save(t.Context())
		ops := len(fsys.Ops())
		if err := fsys.PowerLoss(rand.New(rand.NewPCG(uint64(at), 7))); err != nil {
			t.Fatal(err)
		}
		got, info := restored(t, dir)
		isOld, isNew := cmp.Equal(got.content(), one), cmp.Equal(got.content(), two)
		if !info.Whole() || !isOld && !isNew || err == nil && !isNew {
			t.Errorf("power lost at operation %d, save said %v: got %+v and %v", at, err, info, got.content())
		}
		if at > ops {
			return
		}
	}
}
