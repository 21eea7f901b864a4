package ocf_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/linkedin/goavro/v2"

	"tallystick/internal/ocf"
)

const schema = `{"type":"record","name":"T","namespace":"test","fields":[
	{"name":"n","type":"long"},{"name":"s","type":"string"},{"name":"raw","type":["null","string"],"default":null}]}`

// written returns a file of n records in blocks of so many.
func written(tb testing.TB, codec ocf.Codec, n, per int) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := ocf.NewWriter(&out, schema, codec, per)
	fatal(tb, err)
	avro, err := goavro.NewCodec(schema)
	fatal(tb, err)
	for i := range n {
		fatal(tb, w.Append(func(b []byte) ([]byte, error) {
			return ocf.AppendNative(b, avro, map[string]any{"n": int64(i), "s": text(i)})
		}))
	}
	fatal(tb, w.Flush())
	if w.Records() != n {
		tb.Errorf("got %d records, want %d", w.Records(), n)
	}
	return out.Bytes()
}

func text(i int) string { return fmt.Sprintf("\xff %d", i) } // not UTF-8

// read returns the records of a file, and how often it is damaged.
func read(tb testing.TB, file []byte) (got []int, damage int) {
	tb.Helper()
	r := ocf.NewReader(bytes.NewReader(file), func(error) { damage++ })
	if !r.Open(schema) {
		return nil, damage
	}
	for m := range r.Records() {
		n, _ := m["n"].(int64)
		if m["s"] != text(int(n)) {
			tb.Errorf("record %d: got %q, want %q", n, m["s"], text(int(n)))
		}
		got = append(got, int(n))
	}
	return got, damage
}

func fatal(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

// What is written is read, in each codec; goavro reads it too.
func TestCodecs(t *testing.T) {
	for _, codec := range ocf.Codecs() {
		file := written(t, codec, 25, 10)
		if got, damage := read(t, file); damage != 0 || !slices.Equal(got, upTo(25)) {
			t.Errorf("%s: got %v and %d times damage, want all", codec, got, damage)
		}
		r := ocf.NewReader(bytes.NewReader(file), nil)
		if !r.Open(schema) || r.Packed() != codec || !r.Same() {
			t.Errorf("got codec %s, same %v, want %s", r.Packed(), r.Same(), codec)
		}
		if codec == ocf.Zstandard {
			continue // goavro does not know it
		}
		other, err := goavro.NewOCFReader(bytes.NewReader(file))
		fatal(t, err)
		n := 0
		for ; other.Scan(); n++ {
			_, err := other.Read()
			fatal(t, err)
		}
		if n != 25 || other.Err() != nil {
			t.Errorf("%s: goavro got %d records, %v, want 25", codec, n, other.Err())
		}
	}
	var codec ocf.Codec
	if err := codec.UnmarshalText([]byte("bzip2")); err == nil {
		t.Error("bzip2: got no error")
	}
}

// Damage costs the block that it is in.
func TestDamageCostsABlock(t *testing.T) {
	for _, codec := range ocf.Codecs() {
		file := written(t, codec, 30, 10)
		mark := file[len(file)-16:]
		header := bytes.Index(file, mark) + 16
		second := header + bytes.Index(file[header:], mark) + 16
		want := append(upTo(10), upTo(30)[20:]...)

		b := bytes.Clone(file)
		b[second+1] ^= 0x40 // the size of the second block
		if got, damage := read(t, b); damage == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: got %v and %d times damage, want all but the second block", codec, got, damage)
		}
		for cut := range file {
			got, damage := read(t, file[:cut])
			whole := cut >= header && bytes.HasSuffix(file[:cut], mark)
			if len(got)%10 != 0 || (damage == 0) != whole {
				t.Errorf("%s: cut at %d: got %d records and %d times damage", codec, cut, len(got), damage)
			}
		}
	}
}

// Any bytes are read to their end, and no more than they have.
func FuzzReader(f *testing.F) {
	for _, codec := range ocf.Codecs() {
		f.Add(written(f, codec, 3, 2))
	}
	f.Fuzz(func(_ *testing.T, file []byte) {
		r := ocf.NewReader(bytes.NewReader(file), func(error) {})
		if r.Open(schema) {
			for range r.Records() {
			}
		}
	})
}
