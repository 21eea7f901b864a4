package codec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tallystick/internal/codec"
)

// goldenFile is of the pieces that are written today; that of v1 is of those that once were.
const goldenFile = "testdata/v2.txt"

// odd are samples that are on no scale that others are on.
var odd = []float64{math.Inf(1), math.Copysign(0, -1), math.Float64frombits(0x7ff8000000000000)}

// goldens are values by what of the format they need.
func goldens() map[string][]float64 {
	gap := math.NaN()
	g := map[string][]float64{
		"gaps only":      {gap, gap, gap},
		"one":            {1},
		"same, decimals": {0.25, 0.25, 0.25},
		"same, bits":     {math.Pi, math.Pi},
		"same with gaps": {gap, 5, 5, gap},
		"gaps as runs":   {gap, gap, 1.5, 2.5, gap, 9.5, 1.5, 1.5, 1.5, 1.5, 3.5, 2.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, gap, gap},
		"odd":            {3, 1, 4, odd[0], odd[1], odd[2], 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6},
		"odd numbers":    {3, 1, 4, odd[0], odd[1], 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6},
		"negative bits":  {-1. / 3, -1. / 7, -2. / 3, -5. / 7, -6. / 7, -1. / 11},
		"same, negative": {-math.Pi, -math.Pi},
		"sign last":      {math.Pi, -math.E, math.Ln2, -math.Phi},
		"bits":           {1. / 3, 1. / 7, 2. / 3, 5. / 7, 6. / 7, 1. / 11},
		"no numbers":     odd,
		"large":          {1 << 60, 1<<60 + 1<<20, 1<<60 + 5<<20, -1 << 63, math.MaxFloat64, math.SmallestNonzeroFloat64},
	}
	walk := 100.0
	for i := range 150 {
		x := float64((i*7919 + i*i*104729) % 1009 % 47) // looks like noise
		walk += x - 23
		add := func(name string, v float64) { g[name] = append(g[name], v) }
		add("values", x)
		add("values, decimals", x/1000)
		add("steps", 1e12+float64(i)*1000+x)
		add("changes of steps", 1e9+1000*float64(i*i)+x)
		add("shift", x*4096)
		add("shift of steps", 5+4096*walk)
		add("shift of bits", x/1024/1024)
		add("steps of bits", (1000+walk)/1024)
		add("outliers", x+float64(i/70*i%7*99999))
		add("outliers of steps", float64(i)*100+x+float64(i/70*1e9))
		add("lengths", math.Trunc(math.Ldexp(x, i%31-8)))
		add("lengths of steps", float64(i*(i+1))+math.Ldexp(1, i/3))
		add("ulps", x*tenth)
		add("ulps and odd", x*tenth)
		add("gaps as bits", x)
		add("gaps, every second", x)
		if i%2 == 1 {
			g["gaps, every second"][i] = gap
		}
		add("gaps as a list", x)
		if i/9%3 == 1 {
			g["gaps as a list"][i] = gap
		}
		if i*i%13 < 5 {
			g["gaps as bits"][i] = gap
		}
	}
	g["ulps and odd"][77] = math.Inf(-1)
	return g
}

// TestMakeGolden writes the file when that is asked for. What is there of a version that
// was released is never written again.
func TestMakeGolden(t *testing.T) {
	if os.Getenv("TALLYTEST_GOLDEN") != goldenFile {
		t.Skip("TALLYTEST_GOLDEN is not " + goldenFile)
	}
	var b []byte
	all := goldens()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b = fmt.Appendf(b, "%s: %x =", name, new(codec.Encoder).Append(nil, all[name]))
		for _, v := range all[name] {
			b = append(b, ' ')
			if math.IsNaN(v) {
				b = fmt.Appendf(b, "#%x", math.Float64bits(v))
			} else {
				b = strconv.AppendFloat(b, v, 'g', -1, 64)
			}
		}
		b = append(b, '\n')
	}
	if err := os.WriteFile(goldenFile, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestGolden reads pieces that were written, and writes what is written today.
func TestGolden(t *testing.T) {
	for _, name := range []string{"testdata/v1.txt", goldenFile} {
		t.Run(name, func(t *testing.T) { testGolden(t, name, name == goldenFile) })
	}
}

func testGolden(t *testing.T, name string, today bool) {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		of, rest, _ := strings.Cut(line, ": ")
		code, list, _ := strings.Cut(rest, " = ")
		piece, err := hex.DecodeString(code)
		if err != nil {
			t.Fatal(err)
		}
		want := numbers(t, list)
		var got [codec.MaxSlots]float64
		n, behind, err := codec.Decode(got[:], piece)
		if err != nil || len(behind) > 0 || !slices.EqualFunc(got[:n], want, sameBits) {
			t.Errorf("%s: got %v, %d bytes behind, %v, want %v", of, got[:n], len(behind), err, want)
		}
		if s, _, err := codec.Stats(piece); err != nil || !equal(s, plain(want)) {
			t.Errorf("%s: got %+v, %v, want %+v", of, s, err, plain(want))
		}
		if b := new(codec.Encoder).Append(nil, want); today && !bytes.Equal(b, piece) {
			t.Errorf("%s: got %x, want %x", of, b, piece)
		}
	}
}

func numbers(t *testing.T, list string) (values []float64) {
	t.Helper()
	for word := range strings.FieldsSeq(list) {
		v, err := strconv.ParseFloat(word, 64)
		if bits, ok := strings.CutPrefix(word, "#"); ok {
			var b uint64
			b, err = strconv.ParseUint(bits, 16, 64)
			v = math.Float64frombits(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

// TestGoldenHasAll checks that there is a piece of each form, scale and extra.
func TestGoldenHasAll(t *testing.T) {
	has := map[string]bool{}
	for _, values := range goldens() {
		piece := new(codec.Encoder).Append(nil, values)
		kind, form, scale := piece[0], piece[0]>>4&3, "decimals"
		if kind&15 == 15 {
			scale = "bits"
		}
		has[fmt.Sprintf("form %d of %s", form, scale)] = true
		at := 1 + len(binary.AppendUvarint(nil, uint64(len(values)-1)))
		switch {
		case kind>>6&1 == 1 && piece[at] == 255:
			has["gaps as bits"] = true
		case kind>>6&1 == 1:
			has["gaps as runs"] = true
		case kind>>7 == 1:
			for i := range 8 {
				has[fmt.Sprintf("extra %d of form %d", i, form)] = has[fmt.Sprintf("extra %d of form %d", i, form)] || piece[at+1]>>i&1 == 1
			}
		}
	}
	for _, want := range []string{
		"gaps as bits", "gaps as runs", "form 0 of bits", "form 1 of bits", "form 2 of bits",
		"form 0 of decimals", "form 1 of decimals", "form 2 of decimals", "form 3 of decimals",
		"extra 0 of form 1", "extra 0 of form 2", "extra 0 of form 3", "extra 1 of form 1", "extra 2 of form 1", "extra 2 of form 2",
		"extra 3 of form 1", "extra 4 of form 1", "extra 4 of form 2", "extra 5 of form 1",
	} {
		if !has[want] {
			t.Errorf("there is no %s", want)
		}
	}
}
