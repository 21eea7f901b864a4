package replay_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/replay"
)

// times returns when the packets of a file of lines came, and the error that ended it.
func times(t *testing.T, text string) (at []time.Time, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.jsonl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for k, err := range (replay.Files{PacketFiles: []string{file}}).Packets(t.Context(), math.MinInt64, math.MaxInt64) {
		if err != nil {
			return at, err
		}
		at = append(at, k.At.UTC())
	}
	return at, nil
}

// Ensure that a packet came when its message says, in whatever form, and else when its
// server has a time, but not before the one before it.
func TestFilesTimes(t *testing.T) {
	data, err := json.Marshal([]byte("=\x00\x00\x1c\x6b\x02\x7b\x38\x00\x00\x00\x00/x.1:2@h\n&site=S"))
	if err != nil {
		t.Fatal(err)
	}
	stod := time.Unix(0x6b027b38, 0).UTC()
	f := func(want time.Time, before, fields string) {
		t.Helper()
		line := `{"remote":"h:1",` + fields + `"data":` + string(data) + `}`
		got, err := times(t, before+line+"\n\n")
		if err != nil || len(got) == 0 || !got[len(got)-1].Equal(want) {
			t.Errorf("%s: got %v, %v, want %s", line, got, err, want)
		}
	}
	later := `{"t":1800000000,"remote":"h:1","data":` + string(data) + "}\n"
	f(time.UnixMicro(1_700_000_000_250_000), "", `"t":1700000000.25,`)
	f(time.UnixMicro(1_700_000_000_250_000), "", `"arrival":1700000000.25,`)
	f(time.UnixMicro(1_700_000_000_250_000), "", `"arrival":"2023-11-14T22:13:20.25Z",`)
	f(time.Unix(0, 1_700_000_000_250_000_001), "", `"arrival_ns":1700000000250000001,`)
	f(stod, "", `"version":"",`)
	f(time.Unix(1_800_000_000, 0), later, `"version":"",`)
	for text, want := range map[string]string{
		`{"t":`: "p.jsonl:1: ", `{"remote":"h:1"}`: "p.jsonl:1: a message without data", later + `{"arrival":"x","data":"AA=="}`: `p.jsonl:2: arrival "x" is not a time`,
	} {
		if _, err := times(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if d := cmp.Diff([]time.Time(nil), func() []time.Time { at, _ := times(t, ""); return at }()); d != "" {
		t.Error(d)
	}
}
