package codec_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"tallystick/internal/codec"
)

// trip encodes the values, and fails if what comes back is not the same bits.
func trip(t *testing.T, e *codec.Encoder, values []float64) {
	t.Helper()
	piece := e.Append([]byte("before"), values)[len("before"):]
	behind := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, data := range [][]byte{piece, append(slices.Clip(piece), behind...)} {
		var got [codec.MaxSlots]float64
		n, rest, err := codec.Decode(got[:], data)
		if err != nil || n != len(values) || len(rest) != len(data)-len(piece) {
			t.Fatalf("got %d values, %d bytes behind, %v, want %d, %d", n, len(rest), err, len(values), len(data)-len(piece))
		}
		for i, v := range values {
			if math.Float64bits(got[i]) != math.Float64bits(v) {
				t.Fatalf("kind %#x, value %d of %d: got %v (%#x), want %v (%#x)", piece[0], i, n, got[i], math.Float64bits(got[i]), v, math.Float64bits(v))
			}
		}
		s, rest, err := codec.Stats(data)
		if err != nil || len(rest) != len(data)-len(piece) {
			t.Fatalf("Stats: got %d bytes behind, %v, want %d", len(rest), err, len(data)-len(piece))
		}
		if want := plain(values); !equal(s, want) {
			t.Fatalf("kind %#x: got %+v, want %+v", piece[0], s, want)
		}
	}
}

// plain is a Summary by the simplest means.
func plain(values []float64) codec.Summary {
	s := codec.Summary{Slots: len(values), First: -1, Last: -1}
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if s.Count == 0 {
			s.First, s.Min, s.Max = i, v, v
		}
		s.Count++
		s.Last = i
		s.Sum += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	return s
}

// equal compares the bits, but of a sum that is not a number.
func equal(a, b codec.Summary) bool {
	f := func(x, y float64) bool {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	}
	same := f(a.Sum, b.Sum) && f(a.Min, b.Min) && f(a.Max, b.Max)
	a.Sum, a.Min, a.Max, b.Sum, b.Min, b.Max = 0, 0, 0, 0, 0, 0
	return same && a == b
}

func TestRoundTrip(t *testing.T) {
	var e codec.Encoder
	for _, s := range all() {
		t.Run(s.name, func(t *testing.T) {
			for n := 1; n <= codec.MaxSlots; n++ {
				trip(t, &e, s.make(random(n), n))
			}
		})
	}
}

func FuzzValues(f *testing.F) {
	for _, s := range all() {
		for _, n := range []int{3, 32, 140} {
			var data []byte
			for _, v := range s.make(random(n), n) {
				data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var values []float64
		for ; len(data) >= 8 && len(values) < codec.MaxSlots; data = data[8:] {
			values = append(values, math.Float64frombits(binary.LittleEndian.Uint64(data)))
		}
		if len(values) > 0 {
			trip(t, new(codec.Encoder), values)
		}
	})
}

func FuzzDecode(f *testing.F) {
	var e codec.Encoder
	for _, s := range all() {
		for _, n := range []int{3, 32, 140} {
			f.Add(e.Append(nil, s.make(random(n), n)))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var values [codec.MaxSlots]float64
		n, rest, err := codec.Decode(values[:], data)
		s, behind, serr := codec.Stats(data)
		if err == nil && (serr != nil || s.Slots != n || len(behind) != len(rest)) {
			t.Errorf("Decode: %d slots, %d bytes behind; Stats: %d, %d, %v", n, len(rest), s.Slots, len(behind), serr)
		}
		if _, _, err := codec.Decode(values[:max(0, n-1)], data); err == nil {
			t.Error("no error, and no room")
		}
	})
}
