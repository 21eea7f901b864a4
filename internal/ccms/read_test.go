package ccms_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tallystick/internal/ccms"
)

const small = `{"metrics":{"a":{"frequency":60,"start":120,"data":[0.0,-1.5,null]}},
 "children":{"socket0":{"metrics":{},"children":{"memchan1":{"metrics":{"b":{"frequency":10,"start":7,"data":[]}},
 "children":null,"from":1,"to":2}},"from":1,"to":2}},"from":1,"to":2}
`

func smallSeries() []ccms.Series {
	return []ccms.Series{
		{Metric: "a", Step: 60, Start: 120, Values: []float64{0, -1.5, math.NaN()}},
		{Level: []string{"socket0", "memchan1"}, Metric: "b", Step: 10, Start: 7},
	}
}

func smallBinary() []byte {
	all := smallSeries()
	return binaryFile(1, 2, level{series: all[:1], children: []level{
		{name: "socket0", children: []level{{name: "memchan1", series: all[1:]}}},
	}})
}

func smallRecords() []ccms.Record {
	return []ccms.Record{
		{Metric: "a", Time: 121, Value: 0.5},
		{Level: []string{"hwthread0"}, Metric: "b", Time: -7, Value: 1e30},
		{Level: []string{"hwthread0"}, Metric: "b", Time: 1 << 60, Value: -2},
		{Level: []string{"socket0", "memchan1"}, Metric: strings.Repeat("m", 70_000-5000), Time: 0, Value: 3},
	}
}

type reader func(io.Reader, func(*ccms.Series)) error

func snapshot(read reader, r io.Reader) ([]ccms.Series, error) {
	var out []ccms.Series
	err := read(r, func(s *ccms.Series) {
		c := *s
		c.Values = append([]float64(nil), s.Values...)
		out = append(out, c)
	})
	return out, err
}

func wal(r io.Reader) (out []ccms.Record, bad []error, err error) {
	err = ccms.ReadWAL(r, func(r *ccms.Record) { out = append(out, *r) }, func(e error) { bad = append(bad, e) })
	return out, bad, err
}

func diff(got, want any) string {
	return cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty())
}

func TestReadSnapshots(t *testing.T) {
	for name, c := range map[string]struct {
		read reader
		file string
	}{
		"json":   {ccms.ReadJSON, small},
		"binary": {ccms.ReadBinary, string(smallBinary())},
	} {
		got, err := snapshot(c.read, iotest.OneByteReader(strings.NewReader(c.file)))
		if d := diff(got, smallSeries()); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
	}
}

func TestReadWAL(t *testing.T) {
	want := smallRecords()
	want[1].Value = float64(float32(1e30))
	got, bad, err := wal(iotest.HalfReader(bytes.NewReader(walFile(want...))))
	if d := diff(got, want); d != "" || err != nil || bad != nil {
		t.Errorf("error %v, bad %v\n%s", err, bad, d)
	}
	if got, bad, err := wal(strings.NewReader("")); got != nil || bad != nil || err != nil {
		t.Errorf("no bytes: got %v, %v, %v, want nothing", got, bad, err)
	}
}

// Ensure a file that was cut anywhere is used as far as it goes, and told.
func TestCutAnywhere(t *testing.T) {
	for name, c := range map[string]struct {
		read reader
		file string
	}{
		"json":   {ccms.ReadJSON, strings.TrimSpace(small)},
		"binary": {ccms.ReadBinary, string(smallBinary())},
	} {
		for n := range len(c.file) {
			_, err := snapshot(c.read, strings.NewReader(c.file[:n]))
			var format *ccms.FormatError
			if !errors.As(err, &format) || !errors.Is(err, ccms.ErrShort) || format.Offset > int64(n) {
				t.Fatalf("%s of %d bytes: got error %v, want that it ends early, up to there", name, n, err)
			}
		}
	}
	cut := smallBinary()
	got, err := snapshot(ccms.ReadBinary, bytes.NewReader(cut[:bytes.Index(cut, little.AppendUint32(nil, math.Float32bits(-1.5)))+4]))
	want := smallSeries()[:1]
	want[0].Values = want[0].Values[:2]
	if d := diff(got, want); d != "" || err == nil {
		t.Errorf("cut in its values: %v\n%s", err, d)
	}
}

func TestBadSnapshots(t *testing.T) {
	deep := strings.Repeat(`{"children":{"x":`, 10) + "{}" + strings.Repeat("}}", 10)
	deepLevel := level{}
	for range 10 {
		deepLevel = level{name: "x", children: []level{deepLevel}}
	}
	b := binaryFile(1, 2, level{})
	f := func(read reader, file string, offset int64, want string) {
		t.Helper()
		_, err := snapshot(read, strings.NewReader(file))
		var format *ccms.FormatError
		if !errors.As(err, &format) || format.Offset != offset || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got error %v, want %q at %d", file, err, want, offset)
		}
	}
	f(ccms.ReadJSON, "[]", 1, "not what a snapshot has here: [")
	f(ccms.ReadJSON, `{} {}`, 4, "more behind its end")
	f(ccms.ReadJSON, `{"metrics":{"a":{"data":["x"]}}}`, 30, "no number")
	f(ccms.ReadJSON, `{"metrics":{"a":{"data":{}}}}`, 27, "data is no list")
	f(ccms.ReadJSON, `{"metrics":{"a":{"start":1.5}}}`, 29, "number 1.5")
	f(ccms.ReadJSON, `{"metrics":7}`, 12, "here: 7")
	f(ccms.ReadJSON, `{"metrics":{"a":}}`, 16, "invalid character")
	f(ccms.ReadJSON, deep, 9*17-1, "too deep")
	f(ccms.ReadBinary, "not a snapshot, but a text", 0, "does not begin")
	f(ccms.ReadBinary, string(b)+"x", int64(len(b)), "more behind its end")
	f(ccms.ReadBinary, string(binaryFile(1, 2, deepLevel)), 20+9*11, "too deep")
}

// Ensure a length that a file tells takes no memory by itself.
func TestLengthsTakeNoMemory(t *testing.T) {
	file := binaryFile(1, 2, level{series: []ccms.Series{{Metric: "a", Step: 1, Start: 1}}})
	copy(file[len(file)-8:], []byte{0xff, 0xff, 0xff, 0xff}) // values
	n := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		for b.Loop() {
			_ = ccms.ReadBinary(bytes.NewReader(file), func(*ccms.Series) {})
		}
	}).AllocedBytesPerOp()
	if n > 100_000 {
		t.Errorf("%d bytes for a file of %d", n, len(file))
	}
}

func TestErrorsOfReading(t *testing.T) {
	broken := errors.New("disk is broken")
	r := func(file []byte) io.Reader {
		return io.MultiReader(bytes.NewReader(file[:len(file)-3]), iotest.ErrReader(broken))
	}
	_, err := snapshot(ccms.ReadJSON, r([]byte(small)))
	_, errBinary := snapshot(ccms.ReadBinary, r(smallBinary()))
	_, _, errWAL := wal(r(walFile(smallRecords()...)))
	for _, err := range []error{err, errBinary, errWAL} {
		var format *ccms.FormatError
		if !errors.Is(err, broken) || errors.As(err, &format) {
			t.Errorf("got error %v, want that of the disk", err)
		}
	}
}

// Ensure a record that is damaged costs itself.
func TestDamagedWAL(t *testing.T) {
	rec := smallRecords()[:3]
	size := len(walRecord(rec[1]))
	begin := 4 + len(walRecord(rec[0]))
	for i := range size {
		file := walFile(rec...)
		file[begin+i] ^= 0x10
		got, bad, err := wal(bytes.NewReader(file))
		if len(got) != 2 || err != nil || len(bad) != 1 {
			t.Fatalf("byte %d: got %d records, bad %v, error %v, want the two others", i, len(got), bad, err)
		}
		var format *ccms.FormatError
		if !errors.As(bad[0], &format) || format.Offset != int64(begin) {
			t.Fatalf("byte %d: got %v, want it at %d", i, bad[0], begin)
		}
	}
}

func TestCutWAL(t *testing.T) {
	rec := smallRecords()[:3]
	file := walFile(rec...)
	last := len(file) - len(walRecord(rec[2]))
	for n := last + 1; n < len(file); n++ {
		got, bad, err := wal(bytes.NewReader(file[:n]))
		if len(got) != 2 || len(bad) != 1 || err != nil {
			t.Fatalf("%d bytes: got %d records, bad %v, error %v", n, len(got), bad, err)
		}
	}
	for n := 1; n < 4; n++ {
		if _, _, err := wal(bytes.NewReader(file[:n])); !errors.Is(err, ccms.ErrShort) {
			t.Errorf("%d bytes: got error %v, want ErrShort", n, err)
		}
	}
	if _, _, err := wal(strings.NewReader("not a WAL")); !errors.Is(err, ccms.ErrMagic) {
		t.Errorf("a text: got error %v, want ErrMagic", err)
	}
}
