package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"tallystick/internal/ingest"
)

// What cc-metric-store does wrong with lines, each with a test that fails where
// the fault is. docs/cc-metric-store.md lists them.

// take writes a body with a retention of two days into a store of its own, and
// holds result and content.
func take(t *testing.T, body string, o ingest.LineOptions, wantResult string, want ...string) {
	t.Helper()
	cfg := ingest.Default()
	cfg.Retention = 48 * time.Hour
	f := newFixture(t, cfg, silent)
	for range 2 { // the second time, keys are known
		if got := result(f.Lines(t.Context(), []byte(body), o)); got != wantResult {
			t.Errorf("%q: got %s, want %s", body, got, wantResult)
		}
	}
	f.want(fmt.Sprintf("%.60q", body), want...)
}

// A line without cluster, host or time gets nothing from the line before it.
func TestLinesTakeNothingOver(t *testing.T) {
	none := ingest.LineOptions{}
	take(t, "cpu_load,cluster=a,hostname=h value=1 1699999980\ncpu_load,hostname=i value=2 1699999980\n", none,
		"1/1 1:2:0:no-cluster", "a/h cpu_load 1699999980=1")
	take(t, "cpu_load,cluster=a,hostname=h value=1 1699999980\ncpu_load,cluster=a value=2 1699999980\n", none,
		"1/1 1:2:0:no-host", "a/h cpu_load 1699999980=1")
	take(t, "cpu_load,cluster=a,hostname=h value=1 1699999980\ncpu_load,hostname=h value=2 1699999980\n", ingest.LineOptions{Cluster: "b"},
		"2/0", "a/h cpu_load 1699999980=1", "b/h cpu_load 1699999980=2")
	take(t, "cpu_load,cluster=a,hostname=h value=1 1699990000\ncpu_load,cluster=a,hostname=i value=2\n", none,
		"2/0", "a/h cpu_load 1699989960=1", "a/i cpu_load 1699999980=2")
}

// Empty names, and names that lead out of a folder, come nowhere near the disk.
func TestLinesEmptyAndEvilNames(t *testing.T) {
	take(t, "cpu_load,cluster=,hostname=h value=1\ncpu_load,cluster=c,hostname= value=1\n"+
		"cpu_load,cluster=..,hostname=h value=1\ncpu_load,cluster=c,hostname=../h value=1\ncpu_load,cluster=c,hostname=a\\\\b value=1\n"+
		"cpu_load,cluster=c,hostname=h value=1", ingest.LineOptions{},
		"1/5 0:1:18:syntax 1:2:29:syntax 2:3:0:bad-name 3:4:0:bad-name 4:5:0:bad-name", "c/h cpu_load 1699999980=1")
}

// Times are understood in every precision, and what is no time is not the present.
func TestLinesTimes(t *testing.T) {
	take(t, "cpu_load,cluster=c,host=h value=1 1699999980\ncpu_load,cluster=c,host=h value=2 1699999920000\n"+
		"cpu_load,cluster=c,host=h value=3 1699999860000000\ncpu_load,cluster=c,host=h value=4 1699999800000000000\n",
		ingest.LineOptions{}, "4/0", "c/h cpu_load 1699999800=4 1699999860=3 1699999920=2 1699999980=1")
	take(t, "cpu_load,cluster=c,host=h value=1 garbage\ncpu_load,cluster=c,host=h value=1 1700000040.5\n", ingest.LineOptions{},
		"0/2 0:1:35:time 1:2:35:time")
}

// A node has one node, and its devices do not write over each other.
func TestLinesDevices(t *testing.T) {
	take(t, "cpu_load,cluster=c,host=h,type=node value=1 1699999920\ncpu_load,cluster=c,host=h,type=node,type-id=0 value=2 1699999980\n"+
		"mem_used,cluster=c,host=h,type=node,stype=filesystem,stype-id=/home value=3 1699999980\n"+
		"mem_used,cluster=c,host=h,type=node,stype=filesystem,stype-id=/tmp value=4 1699999980\n", ingest.LineOptions{},
		"4/0", "c/h cpu_load 1699999920=1 1699999980=2",
		"c/h/node=0/filesystem=/home mem_used 1699999980=3", "c/h/node=0/filesystem=/tmp mem_used 1699999980=4")
}

// A line that is wrong does not end the body, and none is passed over in silence.
func TestLinesBadOnesAreTold(t *testing.T) {
	take(t, "no line\ncpu_load,cluster=c,host=h value=1 1699999980\nnosuch,cluster=c,host=h value=1\n{\"a\":1}\n"+
		"cpu_load,cluster=c,host=h value=2 1699999920\n", ingest.LineOptions{},
		"2/3 0:1:8:syntax 2:3:1:unknown-metric 3:4:8:syntax", "c/h cpu_load 1699999920=2 1699999980=1")
}

// Late samples go where they belong, in any order; one from the future is refused
// and does not stand in the way of the present.
func TestLinesLateAndEarly(t *testing.T) {
	take(t, "cpu_load,cluster=c,host=h value=1 1731535980\ncpu_load,cluster=c,host=h value=2 1699999980\n"+
		"cpu_load,cluster=c,host=h value=3 1699900020\ncpu_load,cluster=c,host=h value=4 1699999920\n"+
		"cpu_load,cluster=c,host=h value=5 1690000000\n", ingest.LineOptions{},
		"3/2 0:1:0:future 4:5:0:too-old", "c/h cpu_load 1699900020=3", "c/h cpu_load 1699999920=4 1699999980=2")
}
