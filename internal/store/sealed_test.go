package store_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"tallystick/internal/block"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// gauges writes n samples in order to each of some nodes: numbers of two digits that walk.
func gauges(t *testing.T, s *store.Store, nodes, n int) {
	t.Helper()
	for node := range nodes {
		r, v := rand.New(rand.NewPCG(uint64(node), 1)), 50.0
		h := &store.Handle{Path: nodeAt(node)}
		for i := range n {
			v = math.Round((v+r.NormFloat64()/4)*100) / 100
			if _, err := s.WriteAll([]store.Sample{{To: h, Point: store.Point{Metric: 3, Time: int64(i) * 10, Value: v}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func nodeAt(n int) selector.Path {
	return selector.Path{Cluster: "c", Node: "n" + string(rune('a'+n%26)) + string(rune('a'+n/26))}
}

// What is past takes few bytes, also before its block is full.
func TestSealedIsSmall(t *testing.T) {
	f := func(samples int, most float64) {
		t.Helper()
		const nodes = 200
		s := store.New(testTable(t), store.Config{})
		gauges(t, s, nodes, 1)
		before := s.Stats().Live
		gauges(t, s, nodes, samples)
		if got := float64(s.Stats().Live-before) / nodes / float64(samples); got > most {
			t.Errorf("%d samples take %.2f bytes each, want at most %.2f", samples, got, most)
		}
	}
	f(100, 6)
	f(360, 2.5)
	f(block.Slots*4+100, 2)
}

// A sample that is far too late takes its block apart, and Settle puts it together again.
func TestSettle(t *testing.T) {
	s := store.New(testTable(t), store.Config{})
	gauges(t, s, 50, 2*block.Slots+100)
	want, err := s.Read(nodeAt(7), 3, metric.AggNone, 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Stats()
	for node := range 50 {
		for _, slot := range []int64{5, block.Slots + 5, 2*block.Slots + 5} {
			if _, err := s.Write(nodeAt(node), store.Point{Metric: 3, Time: 10 * slot, Value: want.Values[slot]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := s.Stats().Live - before.Live; got < 50*2*block.Bytes*9/10 {
		t.Errorf("blocks taken apart take %d bytes more", got)
	}
	if got := s.Settle(nodeAt(7)); got != 3 {
		t.Errorf("%d blocks settled, want 3", got)
	}
	for node := range 50 {
		s.Settle(nodeAt(node))
	}
	if got := s.Stats().Live - before.Live; got > before.Live/10 {
		t.Errorf("after Settle there are %d bytes more than the %d before", got, before.Live)
	}
	gauges(t, s, 50, 2*block.Slots+100)
	got, err := s.Read(nodeAt(7), 3, metric.AggNone, 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Values {
		if got.Values[i] != want.Values[i] {
			t.Fatalf("slot %d: got %v, want %v", i, got.Values[i], want.Values[i])
		}
	}
	if s.Settle(selector.Path{Cluster: "c", Node: "none"}) != 0 {
		t.Error("a node that is not there settled")
	}
}

// Samples of full precision, and such that are far apart, are sealed too.
func TestSealedAnything(t *testing.T) {
	table := testTable(t)
	for step := int64(1); step < 90; step++ {
		s, m := store.New(table, store.Config{}), &model{table: table, samples: map[sampleKey]float64{}}
		r := rand.New(rand.NewPCG(uint64(step), 1))
		for i := range int64(600) {
			p := store.Point{Metric: 3, Time: 10 * step * i, Value: math.Float64frombits(r.Uint64() &^ (1 << 62))}
			m.write(nodeAt(0), p)
			if _, err := s.Write(nodeAt(0), p); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Read(nodeAt(0), 3, metric.AggNone, 0, 1<<30)
		want, _ := m.read(nodeAt(0), 3, metric.AggNone, 0, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, got, want)
	}
}

// Once there is memory, samples cost none, also those that are sealed on the way.
func TestWriteAllAllocates(t *testing.T) {
	s := store.New(testTable(t), store.Config{})
	samples := make([]store.Sample, 100)
	handles := make([]store.Handle, len(samples))
	now := int64(0)
	for i := range samples {
		handles[i].Path = nodeAt(i / 10)
		if i%10 > 0 {
			handles[i].Path.Component = selector.Part{Type: "core", ID: string(rune('0' + i%10))}
		}
		samples[i].To = &handles[i]
	}
	step := func() {
		for i := range samples {
			samples[i].Point = store.Point{Metric: 3, Time: now, Value: float64(now%977) / 4}
		}
		if _, err := s.WriteAll(samples); err != nil {
			t.Fatal(err)
		}
		now += 10
	}
	for range 600 {
		step()
	}
	if got := testing.AllocsPerRun(1, func() {
		for range 200 { // no new block, and each is sealed some times
			step()
		}
	}); got > 600 { // sealed 800 times; the race detector has pools lose a quarter
		t.Errorf("20,000 samples: got %v allocations", got)
	}
}

// Compact changes nothing; block.TestDenser has what it is good for.
func TestCompact(t *testing.T) {
	table := testTable(t)
	s := store.New(table, store.Config{})
	gauges(t, s, 600, 3*block.Slots)
	for node := range 600 {
		if node%10 > 0 {
			s.FreeBefore(nodeAt(node), math.MaxInt64)
		}
	}
	before := s.Stats()
	want, err := s.Read(nodeAt(70), 3, metric.AggNone, 0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range s.Nodes() {
		s.Compact(n)
	}
	s.Compact(selector.Path{Cluster: "c", Node: "none"})
	after := s.Stats()
	if after.Live != before.Live || after.Bytes > before.Bytes {
		t.Errorf("%+v became %+v", before, after)
	}
	got, err := s.Read(nodeAt(70), 3, metric.AggNone, 0, 1<<30)
	if err != nil || len(got.Values) != len(want.Values) {
		t.Fatal(len(got.Values), err)
	}
	for i := range want.Values {
		if got.Values[i] != want.Values[i] {
			t.Fatalf("slot %d: got %v, want %v", i, got.Values[i], want.Values[i])
		}
	}
}
