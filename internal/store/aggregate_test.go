package store_test

import (
	"testing"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// An answer whose memory was given back costs none, and has nothing of the one before.
func TestReuse(t *testing.T) {
	s := store.New(testTable(t), store.Config{})
	for i := range 300 {
		write(t, s, nodeAt(0), 0, float64(i), float64(i))
	}
	write(t, s, nodeAt(1), 0, 7, 70)
	write(t, s, nodeAt(1), 0, 9, 90)
	long, short := []selector.Path{nodeAt(0)}, []selector.Path{nodeAt(1)}
	read := func(set []selector.Path) store.Series {
		got, err := s.ReadAll(set, 0, metric.AggNone, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	n := testing.AllocsPerRun(100, func() {
		got := read(long)
		if len(got.Values) != 300 || got.Values[299] != 299 {
			t.Fatal(got)
		}
		s.Reuse(got.Values)
	})
	if n > 6 { // closures, and what goes through the nodes
		t.Errorf("allocates %v times", n)
	}
	compare(t, read(short), map[int64]float64{7: 70, 9: 90})
	s.Reuse(nil)
	s.Reuse(make([]float64, 3))
	compare(t, read(short), map[int64]float64{7: 70, 9: 90})
}
