package checkpoint_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
)

func TestRegister(t *testing.T) {
	fsys := &durabletest.FS{Faults: []durabletest.Fault{{At: 5}}}
	d := open(t.TempDir(), fsys, newWorld(t))
	if _, err := d.Save(t.Context()); err == nil {
		t.Fatal("got no error from a fault")
	}
	info := save(t, d)
	r := prometheus.NewRegistry()
	if err := d.Register(r); err != nil {
		t.Fatal(err)
	}
	if err := d.Register(r); err == nil {
		t.Error("got no error from registering twice")
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		m := f.GetMetric()[0]
		got[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	f := func(name string, low, high float64) {
		t.Helper()
		v, ok := got["tallystick_checkpoint_"+name]
		if !ok || v < low || v > high {
			t.Errorf("%s: got %v, %v, want %v to %v", name, v, ok, low, high)
		}
	}
	now := float64(time.Now().Unix())
	f("saves_total", 1, 1)
	f("failures_total", 1, 1)
	f("last_success_timestamp_seconds", now-60, now+1)
	f("duration_seconds", info.Took.Seconds()*0.999, info.Took.Seconds()*1.001)
	f("pause_seconds", 1e-9, info.Took.Seconds())
	f("size_bytes", float64(info.Bytes), float64(info.Bytes))
	f("restore_damaged_total", 0, 0)
	f("restore_refused_total", 0, 0)
}

func TestRestoreIsCounted(t *testing.T) {
	s := twoCheckpoints(t)
	write(t, s.new+"/claims.avro", "not one")
	d := open(s.dir, durable.OS{}, newWorld(t))
	if _, err := d.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.Stats(); got.Damaged != 1 || got.Refused != 0 {
		t.Errorf("got %+v, want one damage", got)
	}
}
