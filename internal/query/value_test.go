package query_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"tallystick/internal/query"
)

func TestValuesJSON(t *testing.T) {
	f := func(want string, vs ...query.Value) {
		t.Helper()
		got, err := json.Marshal(query.Values(vs))
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	nan, inf := query.Value(math.NaN()), query.Value(math.Inf(1))
	f("[]")
	f("[0]", 0)
	f("[-0,1.5,null,1234567890123]", query.Value(math.Copysign(0, -1)), 1.5, nan, 1234567890123)
	f("[null,null]", inf, -inf)
	f("[1e-7,1e+21,0.000001,100000000000000000000]", 1e-7, 1e21, 1e-6, 1e20)
	f("[5e-324,1.7976931348623157e+308]", math.SmallestNonzeroFloat64, math.MaxFloat64)

	got, err := json.Marshal(query.Series{Metric: "m", Step: 1})
	if want := `{"level":{},"metric":"m","step":1,"from":0}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if got, err := json.Marshal(nan); err != nil || string(got) != "null" {
		t.Errorf("one value: got %s, %v, want null", got, err)
	}
}

func TestValuesFromJSON(t *testing.T) {
	vs := query.Values{7, 7, 7}
	if err := json.Unmarshal([]byte("[1e3,null,-0.5]"), &vs); err != nil {
		t.Fatal(err)
	}
	if vs[0] != 1000 || !math.IsNaN(float64(vs[1])) || vs[2] != -0.5 {
		t.Errorf("got %v", vs)
	}
	for _, bad := range []string{`["1"]`, `[true]`, `[{}]`, `[1e999]`} {
		if err := json.Unmarshal([]byte(bad), &vs); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// FuzzValue holds that a value is written as encoding/json writes a float64, and
// that it reads back as the same bits.
func FuzzValue(f *testing.F) {
	for _, v := range []float64{0, 1, -1.5, 1e-6, 9.99e-7, 1e-10, 1e-100, 1e21, 1e20, math.MaxFloat64, math.Inf(1), math.NaN()} {
		f.Add(math.Float64bits(v))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		v := math.Float64frombits(bits)
		got := string(query.Values{query.Value(v)}.AppendJSON(nil))
		want, err := json.Marshal([]float64{v})
		if err != nil { // not a number
			want = []byte("[null]")
		}
		if got != string(want) {
			t.Fatalf("%x: got %s, want %s", bits, got, want)
		}
		var back query.Values
		if err := json.Unmarshal([]byte(got), &back); err != nil || len(back) != 1 {
			t.Fatalf("%s: got %v, %v", got, back, err)
		}
		if b := math.Float64bits(float64(back[0])); string(want) != "[null]" && b != bits {
			t.Errorf("%s: got %x back, want %x", got, b, bits)
		}
	})
}

// Short decimals are those that strconv finds.
func TestShortDecimals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300_000 {
		v := float64(r.Int64()>>r.IntN(64)) / math.Pow10(r.IntN(8))
		want, err := json.Marshal(v)
		if got := query.Value(v).AppendJSON(nil); err != nil || string(got) != string(want) {
			t.Fatalf("got %s, want %s, %v", got, want, err)
		}
	}
}

func TestAppendJSONAllocates(t *testing.T) {
	vs := query.Values{1, 2.5, 1e-9, query.Value(math.NaN()), 12345678.9}
	b := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(100, func() { b = vs.AppendJSON(b[:0]) }); n != 0 {
		t.Errorf("allocates %v times, want 0", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	vs := make(query.Values, 360)
	for i := range vs {
		vs[i] = query.Value(1e9 / float64(i+1))
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = vs.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
