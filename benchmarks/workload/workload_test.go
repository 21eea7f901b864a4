package workload_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"tallystick/benchmarks/workload"
)

func made(t *testing.T, c workload.Config) *workload.Workload {
	t.Helper()
	w, err := workload.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func small(shape string) workload.Config {
	return workload.Config{Shape: shape, Nodes: 5, Slots: 40, Begin: 1_700_000_040, Seed: 1}
}

// all returns what several senders send, as lines.
func all(w *workload.Workload, senders, size int) (lines []byte, refs []workload.Ref) {
	for s := range senders {
		for batch := range w.Batches(s, senders, size) {
			lines = w.AppendLines(lines, batch)
			refs = append(refs, batch...)
		}
	}
	return lines, refs
}

// TestLinesSayTheValues reads the lines back with InfluxDB's decoder: each sample is
// there once, of its series, at its time, with the very value that is expected.
func TestLinesSayTheValues(t *testing.T) {
	for _, shape := range workload.Shapes() {
		t.Run(shape, func(t *testing.T) {
			w := made(t, small(shape))
			lines, refs := all(w, 2, 100)
			if len(refs) != w.Samples() {
				t.Errorf("%d samples are sent, want %d", len(refs), w.Samples())
			}
			i := 0
			for d := lineprotocol.NewDecoderWithBytes(lines); d.Next(); {
				for _, got := range decode(t, d) {
					if want := expected(w, refs[i]); got != want {
						t.Fatalf("%v is read as %+v, want %+v", refs[i], got, want)
					}
					i++
				}
			}
			if i != len(refs) {
				t.Errorf("%d samples are read, want %d", i, len(refs))
			}
		})
	}
}

type sample struct {
	workload.Series

	time  int64
	value float64
}

func expected(w *workload.Workload, r workload.Ref) sample {
	return sample{w.At(r.Series), w.Time(r.Slot), w.Value(r)}
}

// decode returns the samples of a line.
func decode(t *testing.T, d *lineprotocol.Decoder) (samples []sample) {
	t.Helper()
	name, err := d.Measurement()
	fail(t, err)
	s := workload.Series{Measurement: string(name)}
	for {
		key, value, err := d.NextTag()
		fail(t, err)
		if key == nil {
			break
		}
		switch string(key) {
		case "hostname":
			s.Node = string(value)
		case "type":
			s.Type = string(value)
		case "type-id":
			s.ID = string(value)
		}
	}
	for {
		key, value, err := d.NextField()
		fail(t, err)
		if key == nil {
			break
		}
		s.Field = string(key)
		samples = append(samples, sample{Series: s, value: value.FloatV()})
	}
	at, err := d.Time(lineprotocol.Second, time.Time{})
	fail(t, err)
	for i := range samples {
		samples[i].time = at.Unix()
	}
	return samples
}

func fail(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestValueIsTheDecimal(t *testing.T) {
	for _, shape := range workload.Shapes() {
		w := made(t, small(shape))
		for _, r := range refs(w) {
			text := string(w.AppendValue(nil, r))
			if v, err := strconv.ParseFloat(text, 64); err != nil || v != w.Value(r) {
				t.Fatalf("%s: %v is %v, and is written %s: %v", shape, r, w.Value(r), text, err)
			}
		}
	}
}

func refs(w *workload.Workload) []workload.Ref {
	_, refs := all(w, 1, 1000)
	return refs
}

// TestSame: the same Config is the same bytes, another seed is others, and how many
// send what at once changes only the order.
func TestSame(t *testing.T) {
	for _, shape := range workload.Shapes() {
		lines, _ := all(made(t, small(shape)), 2, 100)
		if again, _ := all(made(t, small(shape)), 2, 100); !bytes.Equal(lines, again) {
			t.Errorf("%s: other bytes the second time", shape)
		}
		other := small(shape)
		other.Seed = 2
		if again, _ := all(made(t, other), 2, 100); bytes.Equal(lines, again) {
			t.Errorf("%s: another seed makes no difference", shape)
		}
		if shape == "fields" {
			continue // a batch may end within a line
		}
		again, _ := all(made(t, small(shape)), 3, 7)
		if !slices.Equal(sorted(lines), sorted(again)) {
			t.Errorf("%s: three senders send something else than two", shape)
		}
	}
}

func sorted(lines []byte) []string {
	list := strings.Split(string(lines), "\n")
	slices.Sort(list)
	return list
}

// TestTelemetry: the size of the main workload, and what is in it.
func TestTelemetry(t *testing.T) {
	c := small("telemetry")
	c.Nodes = 1000
	w := made(t, c)
	if w.Series() != 34_000 || w.PerNode() != 34 || w.AtOnce() != 34 {
		t.Errorf("%d series, %d of a node, %d at once, want 34000, 34, 34", w.Series(), w.PerNode(), w.AtOnce())
	}
	for batch := range w.Batches(0, 1, 34_000) {
		if mean := float64(len(w.AppendLines(nil, batch))) / 34_000; mean < 75 || mean > 95 {
			t.Errorf("a line has %.1f bytes, want about 85", mean)
		}
		break
	}
	want := workload.Series{Measurement: "instructions", Field: "value", Node: "node0007", Type: "hwthread", ID: "3"}
	if got := w.At(w.PartSeries(7, 3, 1)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestOrder: a sender's samples of a series come in the order of their times.
func TestOrder(t *testing.T) {
	for _, shape := range workload.Shapes() {
		w := made(t, small(shape))
		newest := make(map[int]int)
		for _, r := range refs(w) {
			if at, ok := newest[r.Series]; ok && at >= r.Slot {
				t.Fatalf("%s: slot %d of series %d comes behind %d", shape, r.Slot, r.Series, at)
			}
			newest[r.Series] = r.Slot
			if !w.Has(r) {
				t.Fatalf("%s: %v is sent, and is not there", shape, r)
			}
		}
	}
}

func TestChurn(t *testing.T) {
	w := made(t, small("churn"))
	if w.AllParts() != 4*8 {
		t.Fatalf("%d parts, want 32: 8 at once, four times", w.AllParts())
	}
	if w.AtOnce() != 34 {
		t.Errorf("%d samples of a node at once, want 34", w.AtOnce())
	}
	series := w.PartSeries(0, 8, 0) // of those that come second
	for slot := range w.Slots {
		if got, want := w.Has(workload.Ref{Series: series, Slot: slot}), slot >= 10 && slot < 20; got != want {
			t.Errorf("slot %d: %v, want %v", slot, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(change func(*workload.Config)) {
		t.Helper()
		c := small("telemetry")
		change(&c)
		if _, err := workload.New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	f(func(c *workload.Config) { c.Shape = "none" })
	f(func(c *workload.Config) { c.Nodes = 0 })
	f(func(c *workload.Config) { c.Slots = 0 })
	f(func(c *workload.Config) { c.Begin++ })
}
