package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tallystick/internal/ingest"
	"tallystick/internal/metric"
)

// learning is a configuration in which at most n metrics are learned.
func learning(n int) ingest.Config {
	cfg := ingest.Default()
	cfg.Learn.Step, cfg.Learn.Max = 10*time.Second, n
	return cfg
}

func TestLinesAllFields(t *testing.T) {
	all := ingest.LineOptions{Fields: ingest.AllFields, Cluster: "db"}
	f := func(name, body string, o ingest.LineOptions, wantResult string, want ...string) {
		t.Helper()
		x := newFixture(t, ingest.Default(), silent)
		for range 2 { // the second time, keys are known
			if got := result(x.Lines(t.Context(), []byte(body), o)); got != wantResult {
				t.Errorf("%s: got %s, want %s", name, got, wantResult)
			}
		}
		x.want(name, want...)
	}
	f("several fields", "cpu,host=h load=1,cores=2i 1699999980\nmem,host=h used=3u,value=4 1699999980\ncpu_load,host=i value=true 1699999980\n",
		all, "3/2 1:1:1:unknown-metric 3:2:1:unknown-metric",
		"db/h cpu_load 1699999980=1", "db/h mem_used 1699999980=3", "db/i cpu_load 1699999980=1")
	f("other tags", "cpu,cpu=cpu0,host=h load=1 1699999980\ncpu,host=h,cpu=cpu1 load=2 1699999980\ncpu,host=h load=3 1699999980\n"+
		`cpu,path=/\,x,dev=a,host=h,fs=a load=4 1699999980`+"\n"+`cpu,path=x,dev=a,fs=a\,/,host=h load=5 1699999980`+"\n"+
		"cpu,host=h,type=socket,type-id=1,x=y load=6 1699999980\ncpu,host=h,type=socket,type-id=1,stype=dimm,stype-id=2,x=y load=7 1699999980\n"+
		"cpu,host=h,unit=s,stype=fs,stype-id=/ load=8 1699999980\n",
		all, "8/0", "db/h cpu_load 1699999980=3", "db/h/cpu=cpu0 cpu_load 1699999980=1", "db/h/cpu=cpu1 cpu_load 1699999980=2",
		`db/h/dev,fs,path=a,a,/\,x cpu_load 1699999980=4`, `db/h/dev,fs,path=a,a\,/,x cpu_load 1699999980=5`,
		"db/h/node=0/fs,unit=/,s cpu_load 1699999980=8",
		"db/h/socket=1/dimm,x=2,y cpu_load 1699999980=7", "db/h/socket=1/x=y cpu_load 1699999980=6")
	f("strings", "cpu,host=h text=\"a\",load=1,more=\"b\" 1699999980\ncpu,host=h load=2 1700000040", all,
		"2/2 1:1:12:string 2:1:28:string", "db/h cpu_load 1699999980=1 1700000040=2")
	f("a line with a bad time is one sample each", "cpu,host=h load=1,load=2 1\n", all, "2/0", "db/h cpu_load 0=2")
	f("future", "cpu,host=h load=1,load=2 1800000000\n", all, "0/2 0:1:0:future 1:1:0:future")
	f("not asked for", "cpu,host=h load=1\ncpu_load,host=h value=1 1699999980", ingest.LineOptions{Cluster: "db"},
		"1/1 0:1:12:field", "db/h cpu_load 1699999980=1")
	cfg := ingest.Default()
	cfg.Fields = ingest.AllFields
	x := newFixture(t, cfg, silent)
	x.Lines(t.Context(), []byte("cpu,cluster=c,host=h load=1 1699999980"), ingest.LineOptions{})
	x.Lines(t.Context(), []byte("cpu,cluster=c,host=h load=2 1700000040"), ingest.LineOptions{Fields: ingest.ValueField})
	x.want("configured", "c/h cpu_load 1699999980=1")
}

func TestLinesLearn(t *testing.T) {
	x := newFixture(t, learning(2), silent)
	if err := x.table.SetLearn(learning(2).Learn.Metrics()); err != nil {
		t.Fatal(err)
	}
	body := "disk,host=h,type=disk,type-id=sda free=1,used=2,inodes=3 1700000005\n" + // the last finds no room
		"new,host=h value=1 1\n" + "cpu_load,host=h value=1 1700000005\n" +
		"bad\x7f,host=h value=1 1700000005\n" + "disk_free,host=h value=9 1700000015"
	o := ingest.LineOptions{Fields: ingest.AllFields, Cluster: "c"}
	got := result(x.Lines(t.Context(), []byte(body), o))
	if want := "4/3 2:1:1:too-many-metrics 3:2:1:too-many-metrics 5:4:4:syntax"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	x.want("learned",
		"c/h cpu_load 1699999980=1", "c/h disk_free 1700000010=9",
		"c/h/disk=sda disk_free 1700000000=1", "c/h/disk=sda disk_used 1700000000=2")
	id, _ := x.table.Lookup("disk_free")
	if got, want := x.table.At(id), (metric.Metric{Name: "disk_free", Step: 10, Aggregation: metric.AggAvg}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	x.wantCount("tallystick_ingest_metrics_learned", "", 2)
	x.wantCount("tallystick_ingest_rejected_total", "kind=line,reason=too-many-metrics", 2)
}

// The same line means another level with all fields than with one, whatever was
// seen before.
func TestKeysAndFields(t *testing.T) {
	x := newFixture(t, ingest.Default(), silent)
	body := []byte("cpu_load,cluster=c,host=h,unit=s value=1 1699999980")
	for range 3 {
		x.Lines(t.Context(), body, ingest.LineOptions{})
		x.Lines(t.Context(), body, ingest.LineOptions{Fields: ingest.AllFields})
	}
	x.want("both", "c/h cpu_load 1699999980=1", "c/h/unit=s cpu_load 1699999980=1")
	if got := x.count("tallystick_ingest_keys", ""); got != 2 {
		t.Errorf("got %v keys, want one for each meaning", got)
	}
}

// A line that cannot be stored teaches nothing.
func TestLinesLearnNothingFromBadLines(t *testing.T) {
	x := newFixture(t, learning(10), silent)
	if err := x.table.SetLearn(learning(10).Learn.Metrics()); err != nil {
		t.Fatal(err)
	}
	x.Lines(t.Context(), []byte("a,cluster=c,host=h value=1 1800000000\nb,cluster=c value=1\nc,host=h value=1\nd,cluster=..,host=h value=1"), ingest.LineOptions{})
	x.wantCount("tallystick_ingest_metrics_learned", "", 0)
}

// Known keys are not driven out by a flood of new ones, and keys that nobody uses
// any more make room.
func TestKeysStay(t *testing.T) {
	cfg := ingest.Default()
	cfg.KeyCache = 1 << 18
	x := newFixture(t, cfg, silent)
	own := lines(100)
	flood := func(n int) {
		var b strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&b, "cpu_load,cluster=c,hostname=flood%d-%d value=1\n", n, i)
		}
		if r := x.Lines(t.Context(), []byte(b.String()), ingest.LineOptions{}); r.Rejected > 0 {
			t.Fatal(result(r))
		}
	}
	allocs := func() float64 {
		return testing.AllocsPerRun(5, func() { x.Lines(t.Context(), own, ingest.LineOptions{}) })
	}
	for n := range 3 {
		x.Lines(t.Context(), own, ingest.LineOptions{})
		flood(n)
		if got := x.count("tallystick_ingest_key_bytes", ""); got > 1<<18 || got < 1<<17 {
			t.Errorf("after %d floods: %v bytes of keys", n+1, got)
		}
		if got := allocs(); got > 10 {
			t.Errorf("after %d floods: 100 lines of known keys allocate %v times", n+1, got)
		}
		x.now = x.now.Add(time.Hour)
	}
	// What comes after the flood finds room when the flood has been still for long
	// enough: the first sweep forgets who used what, the second one drops.
	own = lines(200)[len(lines(100)):]
	for range 2 {
		x.now = x.now.Add(time.Hour)
		x.Lines(t.Context(), own, ingest.LineOptions{})
	}
	x.Lines(t.Context(), own, ingest.LineOptions{})
	if got := allocs(); got > 10 {
		t.Errorf("keys after a flood: 100 lines allocate %v times", got)
	}
}

// Tags that several keys have are held once, and counted once, whatever comes and goes; the
// bound holds.
func TestKeysShareTags(t *testing.T) {
	cfg := ingest.Default()
	cfg.KeyCache = 1 << 18
	x := newFixture(t, cfg, silent)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var b strings.Builder
		for range 100 {
			host, lines := r.IntN(1000), []string{"cpu_load%s value=1\n", "mem_used%s value=1\n", "cpu%s load=1\n", "mem%s used=1\n"}
			for _, i := range r.Perm(len(lines))[:1+r.IntN(len(lines))] {
				fmt.Fprintf(&b, lines[i], fmt.Sprintf(",cluster=c,hostname=h%d", host))
			}
		}
		o := ingest.LineOptions{Cluster: []string{"", "d"}[r.IntN(2)], Fields: ingest.AllFields}
		if r := x.Lines(t.Context(), []byte(b.String()), o); r.Rejected > 0 {
			t.Fatal(result(r))
		}
		if counted, are := x.KeyBytes(); counted != are || counted > cfg.KeyCache || counted == 0 {
			t.Fatalf("%d bytes of keys are counted, there are %d, and %d at most", counted, are, cfg.KeyCache)
		}
		x.now = x.now.Add(time.Duration(r.IntN(600)) * time.Second)
	}
	one := newFixture(t, ingest.Default(), silent)
	size := func(body string) int64 {
		if r := one.Lines(t.Context(), []byte(body), ingest.LineOptions{Fields: ingest.AllFields}); r.Rejected > 0 {
			t.Fatal(result(r))
		}
		_, are := one.KeyBytes()
		return are
	}
	first := size("cpu_load,cluster=c,hostname=h value=1\n")
	if second := size("cpu_load,cluster=c,hostname=h value=1\nmem_used,cluster=c,hostname=h value=1\n") - first; second*2 > first {
		t.Errorf("the first key of a host takes %d bytes, the second one %d more: want less than half", first, second)
	}
}

// What a key means is a matter of the default cluster.
func TestKeysAndDefaultClusters(t *testing.T) {
	x := newFixture(t, ingest.Default(), silent)
	f := func(cluster, want string) {
		t.Helper()
		if got := result(x.Lines(t.Context(), []byte("cpu_load,host=h value=1 1699999980"), ingest.LineOptions{Cluster: cluster})); got != want {
			t.Errorf("cluster %q: got %s, want %s", cluster, got, want)
		}
	}
	f("", "0/1 0:1:0:no-cluster")
	f("a", "1/0")
	f("b", "1/0")
	f("", "0/1 0:1:0:no-cluster")
	f("../c", "0/1 0:1:0:bad-name")
	x.want("clusters", "a/h cpu_load 1699999980=1", "b/h cpu_load 1699999980=1")
}

// What a line says does not depend on which lines were seen before, nor on who
// else writes at the same time.
func TestLinesTogether(t *testing.T) {
	x := newFixture(t, learning(100), silent)
	if err := x.table.SetLearn(learning(100).Learn.Metrics()); err != nil {
		t.Fatal(err)
	}
	done := make(chan ingest.Result)
	for w := range 4 {
		go func() {
			var r ingest.Result
			for n := range 50 {
				body := fmt.Sprintf("m%d,host=h%d a=1,b=2 %d\nm%d,host=h%d b=2,a=1 %d\n", n, n%7, 1700000000+w, n%10, w, 1700000000+w)
				got := x.Lines(t.Context(), []byte(body), ingest.LineOptions{Cluster: "c", Fields: ingest.AllFields})
				r.Accepted, r.Rejected = r.Accepted+got.Accepted, r.Rejected+got.Rejected
			}
			done <- r
		}()
	}
	for range 4 {
		if r := <-done; r.Accepted != 200 || r.Rejected != 0 {
			t.Errorf("got %s", result(r))
		}
	}
	for _, l := range x.content() {
		if want := map[bool]string{true: "=1", false: "=2"}[strings.Contains(l, "_a ")]; !strings.HasSuffix(l, want) {
			t.Errorf("got %q", l)
		}
	}
}
