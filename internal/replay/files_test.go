package replay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/replay"
)

// times returns when the packets of a file of lines came, and what is wrong with other lines.
func times(t *testing.T, text string) (at []time.Time, wrong error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.jsonl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	files := replay.Files{PacketFiles: []string{file}, Damaged: func(err error) { wrong = errors.Join(wrong, err) }}
	for k, err := range files.Packets(t.Context(), math.MinInt64, math.MaxInt64) {
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, k.At.UTC())
	}
	return at, wrong
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

// Ensure that a line which is damaged, whatever it is, is told by its place and harms no other.
func TestFilesDamaged(t *testing.T) {
	const good = `{"run":"r","id":"%d","server":"s:1","path":"/a","asked":{"read":1,"readv":0,"write":0},"opened":%[1]d,"closed":%[1]d,"outcome":"ok"}`
	long := strings.Repeat("x", 3<<20)
	f := func(want int, wrong []string, lines ...string) {
		t.Helper()
		var told []string
		files := replay.Files{ClaimFiles: []string{"-"}, Stdin: strings.NewReader(strings.Join(lines, "\n")), Damaged: func(err error) {
			place, _, _ := strings.Cut(err.Error(), " ")
			told = append(told, place)
		}}
		got := 0
		for c, err := range files.Claims(t.Context(), 0, 0) {
			if err != nil || c.Run != "r" {
				t.Fatalf("got %v, %v", c, err)
			}
			got++
		}
		if got != want || !slices.Equal(told, wrong) {
			t.Errorf("got %d claims and %q, want %d and %q", got, told, want, wrong)
		}
	}
	one, two := fmt.Sprintf(good, 1), fmt.Sprintf(good, 2)
	f(0, nil)
	f(2, nil, one, "", " \r", two)
	f(2, []string{"-:1:", "-:3:", "-:5:", "-:6:"}, "{", one, "{}", two, long, "7")
	f(2, []string{"-:2:", "-:4:"}, one, long, two, long)
	f(1, []string{"-:1:"}, long[:2<<20], one)
	f(1, []string{"-:2:"}, one, long[:1<<20])
}
