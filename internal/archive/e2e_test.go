//go:build e2e

package archive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tallystick/internal/durable"
)

// python is Debian's, which has the packages that .ci/run installs.
const python = "/usr/bin/python3"

// Apache's Avro library for Python reads every file in every codec, and has of them what
// there was, bit for bit.
func TestOthersRead(t *testing.T) {
	if err := exec.CommandContext(t.Context(), python, "-c", "import avro, snappy, zstandard").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("python3-avro, python3-snappy or python3-zstandard is missing: %v", err)
		}
		t.Skipf("python3-avro, python3-snappy or python3-zstandard is missing: %v", err)
	}
	m := random(rand.New(rand.NewPCG(13, 0)), 2)
	want := lines(m)
	for _, codec := range allCodecs() {
		dir := t.TempDir()
		w := worker(m, dir, durable.OS{})
		w.Config.Codec = codec
		step(t, w, after(day0+2))
		args := []string{filepath.Join("testdata", "read.py")}
		for _, path := range files(t, dir) {
			if filepath.Ext(path) == ".avro" {
				args = append(args, path)
			}
		}
		cmd := exec.CommandContext(t.Context(), python, args...)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", codec, err, said.String())
		}
		got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		slices.Sort(got)
		if len(got) != len(want) {
			t.Errorf("%s: got %d lines, want %d", codec, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("%s: got %s, want %s", codec, got[i], want[i])
			}
		}
	}
}

// lines is what read.py is to print of m, sorted.
func lines(m *model) (out []string) {
	until := (day0 + 2).From()
	for _, b := range m.blocks {
		var place strings.Builder
		for _, s := range []string{
			b.Path.Cluster, b.Path.Node, b.Path.Component.Type, b.Path.Component.ID, b.Path.Sub.Type, b.Path.Sub.ID,
			b.Metric, "unit of " + b.Metric,
		} {
			if s == "" {
				place.WriteString(" -")
			} else {
				fmt.Fprintf(&place, " %x", s)
			}
		}
		for i, v := range b.Values {
			if at := begin(b) + int64(i)*b.Step; !math.IsNaN(v) && at < until {
				out = append(out, fmt.Sprintf("samples%s %d %d %s", place.String(), b.Step, at, bits(v)))
			}
		}
	}
	for _, t := range m.transfers {
		closed := "None"
		if t.Closed.Known() {
			closed = strconv.FormatInt(t.Closed[1], 10)
		}
		if t.Time() < until {
			out = append(out, fmt.Sprintf("transfers %x %x %d %s", t.ID, t.Path, t.Bytes.Read, closed))
		}
	}
	for _, c := range m.claims {
		if c.Time() < until {
			out = append(out, fmt.Sprintf("claims %x %s %d", c.ID, bits(c.Opened), c.Asked.Read))
		}
	}
	for _, p := range m.packets {
		out = append(out, fmt.Sprintf("packets %d %x %x %d", p.At.UnixNano(), p.Remote, p.Data, p.Arrival))
	}
	slices.Sort(out)
	return out
}
