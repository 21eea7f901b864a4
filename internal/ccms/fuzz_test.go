package ccms_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"tallystick/internal/ccms"
)

// checkFormat holds that an error of a file that is in memory has a place in it.
func checkFormat(t *testing.T, err error, file []byte) {
	t.Helper()
	var format *ccms.FormatError
	if err != nil && (!errors.As(err, &format) || format.Offset < 0 || format.Offset > int64(len(file))) {
		t.Fatalf("got error %v of a file of %d bytes, want a place in it", err, len(file))
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"metrics":{"a":{"frequency":1e1,"data":[1e999,-0,null]}},"x":[{}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		n := 0
		err := ccms.ReadJSON(bytes.NewReader(file), func(s *ccms.Series) { n += len(s.Values) + len(s.Level) })
		checkFormat(t, err, file)
		if n > len(file)*9 {
			t.Fatalf("%d values and levels in %d bytes", n, len(file))
		}
	})
}

// FuzzReadBinary holds that no more is read than is there.
func FuzzReadBinary(f *testing.F) {
	f.Add(smallBinary())
	f.Add(binaryFile(-1, math.MaxInt64, level{children: []level{{name: "0"}}}))
	f.Fuzz(func(t *testing.T, file []byte) {
		n := 0
		err := ccms.ReadBinary(bytes.NewReader(file), func(s *ccms.Series) { n += 4*len(s.Values) + len(s.Metric) + 22 })
		checkFormat(t, err, file)
		if n > len(file) {
			t.Fatalf("%d bytes of series in %d bytes", n, len(file))
		}
	})
}

// FuzzReadWAL holds that every byte is in a record or in a bad stretch, that what
// is read is what was written, and that a good record behind anything is found.
func FuzzReadWAL(f *testing.F) {
	f.Add(walFile(smallRecords()[:3]...))
	f.Add(walFile()[:4])
	f.Fuzz(func(t *testing.T, file []byte) {
		got, bad, err := wal(bytes.NewReader(file))
		checkFormat(t, err, file)
		if err != nil {
			return
		}
		for _, e := range bad {
			checkFormat(t, e, file)
		}
		rest := file
		for _, r := range got {
			i := bytes.Index(rest, walRecord(r))
			if i < 0 && !math.IsNaN(r.Value) { // a NaN has several forms
				t.Fatalf("record %+v is not there, or not in order", r)
			}
			rest = rest[max(i, 0):]
		}
		if len(bad) > 0 || len(file) < 4 {
			return
		}
		more, _, _ := wal(bytes.NewReader(append(append(bytes.Clone(file), 7), walRecord(smallRecords()[0])...)))
		if len(more) != len(got)+1 {
			t.Fatalf("got %d records with one behind %d and a byte", len(more), len(got))
		}
	})
}
