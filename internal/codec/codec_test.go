package codec_test

import (
	"bytes"
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
	if most := 8*len(values) + 48; len(piece) > most {
		t.Errorf("kind %#x: %d values in %d bytes, want at most %d", piece[0], len(values), len(piece), most)
	}
	if again := new(codec.Encoder).Append(nil, values); !bytes.Equal(again, piece) {
		t.Errorf("kind %#x: another encoder writes other bytes", piece[0])
	}
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

// TestCutShort cuts pieces at each byte.
func TestCutShort(t *testing.T) {
	var e codec.Encoder
	for _, s := range all() {
		piece := e.Append(nil, s.make(random(2), 150))
		for n := range piece {
			var values [codec.MaxSlots]float64
			if _, _, err := codec.Decode(values[:], piece[:n]); err == nil {
				t.Errorf("%s: Decode takes the first %d of %d bytes", s.name, n, len(piece))
			}
			if _, _, err := codec.Stats(piece[:n]); err == nil {
				t.Errorf("%s: Stats takes the first %d of %d bytes", s.name, n, len(piece))
			}
		}
	}
}

func TestNoPiece(t *testing.T) {
	f := func(want string, data ...byte) {
		t.Helper()
		var values [codec.MaxSlots]float64
		if _, _, err := codec.Decode(values[:], data); err == nil || err.Error() != "codec: "+want {
			t.Errorf("Decode(%x): got %v, want %q", data, err, want)
		}
		if _, _, err := codec.Stats(data); err == nil || err.Error() != "codec: "+want {
			t.Errorf("Stats(%x): got %v, want %q", data, err, want)
		}
	}
	f("the piece is cut short")
	f("a number is cut short, or too large", 0x00)
	f("a number is cut short, or too large", 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	f("kind 0xe is of a later version", 0x0e, 0x00, 0x00)
	f("too many slots", 0x00, 0x80, 0x04, 0x00)
	f("too many bits", 0x10, 0x01, 65, 0x00)
	f("extras of a later version", 0x90, 0x01, 8, 0x40, 0x00)
	f("a shift of a later version", 0x90, 0x01, 8, 1<<1, 0x00, 0x40)
	f("too many outliers", 0x90, 0x01, 8, 1<<2, 0x00, 3)
	f("too many odd samples", 0x90, 0x01, 0, 1<<3, 0x00, 3)
	f("too many bytes", 0x90, 0x01, 1, 1<<4, 0x00, 0x03, 16)
	f("gaps of more slots than there are", 0x40, 0x01, 1, 0x03, 0x00, 0x00)
	f("gaps of more slots than there are", 0x40, 0x01, 2, 0x02, 0x01, 0x00, 0x00)
	f("gaps of more slots than there are", 0x40, 0x01, 65, 0x02, 0x03, 0x00, 0x00)
	f("gaps of more slots than there are", 0x40, 0x01, 255, 0x04, 0x00)
	f("a position behind the end", 0x90, 0x02, 0, 1<<2, 0x00, 1, 1, 0x03, 0x01)
	f("a position behind the end", 0x90, 0x02, 0, 1<<3, 0x00, 1, 0x03, 0, 0, 0, 0, 0, 0, 0, 0)
	f("lengths that do not fit", 0x90, 0x01, 4, 1<<4, 0x00, 0x55, 0x02, 0x00, 0x00)
	f("lengths that do not fit", 0x90, 0x01, 4, 1<<4, 0x00, 0x55, 0x00)
}

func TestRoom(t *testing.T) {
	piece := new(codec.Encoder).Append(nil, []float64{1, 2, 3})
	if n, _, err := codec.Decode(make([]float64, 3), piece); n != 3 || err != nil {
		t.Errorf("got %d, %v, want 3", n, err)
	}
	if _, _, err := codec.Decode(make([]float64, 2), piece); err == nil {
		t.Error("3 slots, and room for 2: got no error")
	}
}

func TestAppendPanics(t *testing.T) {
	for _, n := range []int{0, codec.MaxSlots + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d values: no panic", n)
				}
			}()
			new(codec.Encoder).Append(nil, make([]float64, n))
		}()
	}
}

func TestAllocates(t *testing.T) {
	var e codec.Encoder
	var values [codec.MaxSlots]float64
	var data []byte
	for _, s := range all() {
		some := s.make(random(1), codec.MaxSlots)
		if data = e.Append(data[:0], some); cap(data) < 8*codec.MaxSlots+48 {
			data = e.Append(make([]byte, 0, 8*codec.MaxSlots+48), some)
		}
		n := testing.AllocsPerRun(10, func() {
			data = e.Append(data[:0], some)
			_, _, err := codec.Decode(values[:], data)
			_, _, serr := codec.Stats(data)
			if err != nil || serr != nil {
				t.Fatal(err, serr)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations, want none", s.name, n)
		}
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
		if err == nil {
			if _, _, err := codec.Decode(values[:], data); err != nil {
				t.Fatal(err)
			}
			trip(t, new(codec.Encoder), values[:n])
		}
	})
}
