package ingest_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/store"
)

func TestLines(t *testing.T) {
	f := func(name, body string, o ingest.LineOptions, wantResult string, want ...string) {
		t.Helper()
		cfg := ingest.Default()
		cfg.Retention = time.Hour
		x := newFixture(t, cfg, silent)
		if got := result(x.Lines(t.Context(), []byte(body), o)); got != wantResult {
			t.Errorf("%s: got %s, want %s", name, got, wantResult)
		}
		x.want(name, want...)
	}
	none := ingest.LineOptions{}
	f("empty", "", none, "0/0")
	f("levels", `cpu_load,cluster=c,hostname=h value=1 1699999980
cpu_load,cluster=c,hostname=h,type=node value=2 1700000040
cpu_load,cluster=c,hostname=h,type=node,type-id=0 value=3 1700000100
cpu_load,cluster=c,hostname=h,type=hwthread,type-id=4 value=4 1699999980
cpu_load,cluster=c,hostname=h,type=hwthread value=5 1699999980
cpu_load,cluster=c,hostname=h,type=node,stype=filesystem,stype-id=/home value=6 1699999980
cpu_load,cluster=c,hostname=h,type=node,type-id=3,stype=filesystem,stype-id=/scratch value=7 1699999980
cpu_load,cluster=c,hostname=h,stype=filesystem,stype-id=/home value=8 1700000040
cpu_load,cluster=c,hostname=h,type=socket,type-id=1,stype=dimm value=9 1699999980
`, none, "9/0",
		"c/h cpu_load 1699999980=1 1700000040=2 1700000100=3",
		"c/h/hwthread=0 cpu_load 1699999980=5",
		"c/h/hwthread=4 cpu_load 1699999980=4",
		"c/h/node=0/filesystem=/home cpu_load 1699999980=6 1700000040=8",
		"c/h/node=0/filesystem=/scratch cpu_load 1699999980=7",
		"c/h/socket=1/dimm=0 cpu_load 1699999980=9")
	f("default cluster, each line on its own", `cpu_load,cluster=A,host=h value=1 1699999980
cpu_load,host=h value=2 1700000040`, ingest.LineOptions{Cluster: "B"}, "2/0",
		"A/h cpu_load 1699999980=1", "B/h cpu_load 1700000040=2")
	f("no time", "cpu_load,cluster=c,host=h value=1 1700000100\ncpu_load,cluster=c,host=i value=2", none, "2/0",
		"c/h cpu_load 1700000100=1", "c/i cpu_load 1699999980=2")
	f("precision", "cpu_load,cluster=c,host=h value=1 1699999999999\n", ingest.LineOptions{Precision: "ms"}, "1/0",
		"c/h cpu_load 1699999980=1")
	f("no such precision", "cpu_load,cluster=c,host=h value=1\n", ingest.LineOptions{Precision: "weeks"}, "0/1 0:0:0:precision")

	f("rejects", strings.Join([]string{
		"cpu_load,cluster=c,host=a value=1 1700000000",
		"cpu_load,cluster=c,host=b value=x 1700000000",
		"nosuch,cluster=c,host=c value=1 1700000000",
		"cpu_load,cluster=c,host=a value=1 1700000301",
		"cpu_load,cluster=c,host=a value=1 1699996399",
		"# a comment is no line",
		"cpu_load,host=a value=1 1700000000",
		"cpu_load,cluster=c value=1 1700000000",
		"cpu_load,cluster=../x,host=a value=1 1700000000",
		"cpu_load,cluster=c,host=a,type-id=1 value=1 1700000000",
		"cpu_load,cluster=c,host=a,stype-id=1 value=1 1700000000",
		`cpu_load,cluster=c,host=a value="s" 1700000000`,
		"cpu_load,cluster=c,host=" + strings.Repeat("h", 300) + " value=1 1700000000",
		"cpu_load,cluster=c,host=b value=1 1700000300",
		"cpu_load,cluster=c,host=b value=2 1699996400",
	}, "\n"), none, "3/11 1:2:33:syntax 2:3:1:unknown-metric 3:4:0:future 4:5:0:too-old"+
		" 5:7:0:no-cluster 6:8:0:no-host 7:9:0:bad-name 8:10:0:bad-name 9:11:0:bad-name 10:12:27:string 11:13:0:bad-name",
		"c/a cpu_load 1699999980=1",
		"c/b cpu_load 1699996380=2 1700000280=1")
	f("sum beyond all numbers", `xrd_opens,cluster=c,host=a value=1e308 1700000000
xrd_opens,cluster=c,host=a value=1e308 1700000000
xrd_opens,cluster=c,host=a value=1e308 1700000040`, none, "2/1 1:2:0:not-a-number",
		"c/a xrd_opens 1699999980=1e+308 1700000040=1e+308")
}

func TestLinesDefaultCluster(t *testing.T) {
	cfg := ingest.Default()
	cfg.Cluster = "D"
	f := newFixture(t, cfg, silent)
	f.Lines(t.Context(), []byte("cpu_load,host=h value=1"), ingest.LineOptions{})
	f.Lines(t.Context(), []byte("mem_used,host=h value=1"), ingest.LineOptions{Cluster: "E"})
	f.want("default", "D/h cpu_load 1699999980=1", "E/h mem_used 1699999980=1")
}

func TestLinesFull(t *testing.T) {
	f := newFixtureWith(t, ingest.Default(), silent, ledger.New(ledger.Config{}), store.Config{MaxBytes: 1})
	got := f.Lines(t.Context(), []byte("cpu_load,cluster=c,host=h value=1\nmem_used,cluster=c,host=h value=1"), ingest.LineOptions{})
	if want := "0/2 0:1:0:full 1:2:0:full"; result(got) != want {
		t.Errorf("full store: got %s, want %s", result(got), want)
	}
	f.wantCount("tallystick_ingest_rejected_total", "kind=line,reason=full", 2)
}

// A run is longer than what is written at once, and all rejects are counted while
// only the first are told.
func TestLinesLong(t *testing.T) {
	var body strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&body, "cpu_load,cluster=c,host=h value=%d %d\n", i, noon().Unix()-int64(i)*60)
	}
	for range 2000 {
		body.WriteString("nosuch,cluster=c,host=h value=1\n")
	}
	f := newFixture(t, ingest.Default(), silent)
	r := f.Lines(t.Context(), []byte(body.String()), ingest.LineOptions{})
	if r.Accepted != 2000 || r.Rejected != 2000 || len(r.Errors) != ingest.MaxErrors {
		t.Errorf("got %d accepted, %d rejected, %d told, want 2000, 2000, %d", r.Accepted, r.Rejected, len(r.Errors), ingest.MaxErrors)
	}
	f.wantCount("tallystick_ingest_accepted_total", "kind=line", 2000)
	f.wantCount("tallystick_ingest_rejected_total", "kind=line,reason=unknown-metric", 2000)
	samples := 0
	for _, l := range f.content() {
		samples += strings.Count(l, "=")
	}
	if samples != 2000 {
		t.Errorf("got %d samples in the store, want 2000", samples)
	}
}

// Once its key is known and its block is there, a plain line costs no allocation, and neither does
// a body of them.
func TestLinesAllocs(t *testing.T) {
	f := func(name string, body []byte, o ingest.LineOptions) {
		t.Helper()
		x := newFixture(t, ingest.Default(), silent)
		if r := x.Lines(t.Context(), body, o); r.Rejected > 0 { // makes the levels
			t.Fatal(result(r))
		}
		least := math.Inf(1) // the race detector has the pool lose some
		for range 20 {
			least = min(least, testing.AllocsPerRun(1, func() { x.Lines(t.Context(), body, o) }))
		}
		if least > 0 {
			t.Errorf("%s: 1000 lines: got %v allocations, want none", name, least)
		}
	}
	f("value", lines(1000), ingest.LineOptions{})
	f("all", lines(1000), ingest.LineOptions{Fields: ingest.AllFields})
	f("several", bytes.ReplaceAll(lines(1000), []byte(" value="), []byte(" value=1,value=2,value=")), ingest.LineOptions{Fields: ingest.AllFields})
}

func BenchmarkLines(b *testing.B) {
	f := func(name string, body []byte, o ingest.LineOptions) {
		b.Run(name, func(b *testing.B) {
			x := newFixture(b, ingest.Default(), silent)
			r := x.Lines(b.Context(), body, o)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if r = x.Lines(b.Context(), body, o); r.Rejected > 0 {
					b.Fatal(result(r))
				}
			}
			b.ReportMetric(float64(r.Accepted)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
	f("by place", lines(1000), ingest.LineOptions{})
	f("by metric", byMetric(1000, 1), ingest.LineOptions{})
	f("by metric, 20000 hosts", byMetric(20_000, 1), ingest.LineOptions{})
	f("ten fields", byMetric(1000, 10), ingest.LineOptions{Fields: ingest.AllFields})
}

// byMetric are lines each of which has another host than the one before it.
func byMetric(n, fields int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "cpu_load,cluster=alex,hostname=a%05d ", i)
		for f := range fields {
			fmt.Fprintf(&b, "%svalue=%d.5", map[bool]string{true: ","}[f > 0], i)
		}
		fmt.Fprintf(&b, " %d\n", noon().Unix())
	}
	return []byte(b.String())
}

// lines are of 125 places with 8 lines each.
func lines(n int) []byte {
	var b strings.Builder
	for i := range n {
		name := []string{"cpu_load", "mem_used"}[i%2]
		fmt.Fprintf(&b, "%s,cluster=alex,hostname=a%04d,type=hwthread,type-id=%d value=%d %d\n",
			name, i/64, i/8%8, i, noon().Unix()-int64(i%8)*60)
	}
	return []byte(b.String())
}

// What its own rule of retention would take at once is refused, though other
// metrics are kept for longer.
func TestLinesOlderThanTheirRule(t *testing.T) {
	cfg := ingest.Default()
	cfg.Retention, cfg.Sure = 48*time.Hour, time.Hour
	cfg.Keep = func(cluster, metric string) time.Duration {
		if cluster == "c" && metric == "cpu_load" {
			return time.Hour
		}
		return 48 * time.Hour
	}
	f := newFixture(t, cfg, silent)
	at := f.now.Unix() - 7200
	body := fmt.Sprintf("cpu_load,cluster=c,hostname=h value=1 %d\ncpu_load,cluster=d,hostname=h value=1 %d\n"+
		"mem_used,cluster=c,hostname=h value=1 %d\ncpu_load,cluster=c,hostname=h value=1 %d\n", at, at, at, at+3600)
	r := f.Lines(t.Context(), []byte(body), ingest.LineOptions{})
	if r.Accepted != 3 || r.Rejected != 1 || r.Errors[0].Reason != ingest.ReasonOld || r.Errors[0].Line != 1 {
		t.Errorf("got %s, want the first line refused as too old, and no other", result(r))
	}
}
