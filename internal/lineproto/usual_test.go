package lineproto_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"tallystick/internal/lineproto"
)

// The line that comes again and again has the value that strconv reads, to the bit.
func TestUsualValues(t *testing.T) {
	known := lineproto.Options{Known: func(line []byte) int {
		if len(line) > 1 && line[0] == 'm' {
			return 1
		}
		return 0
	}}
	f := func(text string, want float64) {
		t.Helper()
		for l, err := range lineproto.Parse([]byte("m value="+text+" 17\n"), known) {
			if err != nil || math.Float64bits(l.Fields[0].Value) != math.Float64bits(want) || l.Time != 17 {
				t.Errorf("%s: got %+v, %v, want %v", text, l, err, want)
			}
		}
	}
	f("-0", math.Copysign(0, -1))
	f("-0i", 0)
	f("-0.0", math.Copysign(0, -1))
	f("5.", 5)
	f(".5", 0.5)
	f("-.5", -0.5)
	f("1e3", 1000)
	f("12i", 12)
	f("12u", 12)
	f("9007199254740993i", 9007199254740992)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		text := strconv.FormatInt(r.Int64()>>r.IntN(63), 10)
		if point := r.IntN(len(text) + 1); r.IntN(2) == 0 {
			text = text[:point] + "." + text[point:]
		}
		if want, err := strconv.ParseFloat(text, 64); err == nil {
			f(text, want)
		}
	}
}

// What looks like a usual line and is none is told as it would be otherwise.
func TestUsualMistakes(t *testing.T) {
	known := lineproto.Options{Known: func([]byte) int { return 1 }}
	for _, rest := range []string{
		"value=", "value=1 ", "value= 1", "value=. 1", "value=- 1", "value=1.2.3 1", "value=1.5i 1", "value=-1u 1", "value=1 1x",
		"value=1 +1", "value=1 -1", "value=1  1", "value=1 99999999999999999999", "value=1,value=2 3", "value=1,", "value=1x 1", "valu=1 1", "value=1 1\r",
	} {
		show := func(o lineproto.Options) (out []string) {
			for l, err := range lineproto.Parse([]byte("m "+rest+"\nm value=7 8\n"), o) {
				if err != nil {
					out = append(out, err.Error())
				} else {
					out = append(out, fmt.Sprint(l.Fields, l.Time, l.HasTime))
				}
			}
			return out
		}
		if got, want := fmt.Sprint(show(known)), fmt.Sprint(show(lineproto.Options{})); got != want {
			t.Errorf("%q: got %s, want %s", rest, got, want)
		}
	}
}
