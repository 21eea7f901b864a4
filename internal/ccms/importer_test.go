package ccms_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"tallystick/internal/ccms"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// A bed is an importer with a store of two metrics.
type bed struct {
	testing.TB
	ccms.Importer
}

func newBed(tb testing.TB) *bed {
	tb.Helper()
	table, err := metric.NewTable([]metric.Metric{
		{Name: "a", Step: 60}, {Name: "b", Step: 10, Aggregation: metric.AggSum}, {Name: "n", Step: 60, Fold: metric.Sum},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &bed{TB: tb, Importer: ccms.Importer{Store: store.New(table, store.Config{}), Table: table}}
}

type files map[string][]byte

func (b *bed) load(files files) *ccms.Report {
	b.Helper()
	fsys := make(fstest.MapFS)
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	r, err := b.Import(b.Context(), fsys)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// want compares what the store has of a metric at a level, as slot=value.
func (b *bed) want(name, want string, at selector.Path) {
	b.Helper()
	id, _ := b.Table.Lookup(name)
	s, err := b.Store.Read(at, id, metric.AggNone, -store.MaxTime, store.MaxTime)
	if err != nil {
		b.Fatal(err)
	}
	var got []string
	for i, v := range s.Values {
		if !math.IsNaN(v) {
			got = append(got, fmt.Sprintf("%d=%v", s.From+int64(i)*s.Step, v))
		}
	}
	if got := strings.Join(got, " "); got != want {
		b.Errorf("%s at %s: got %s, want %s", name, at, got, want)
	}
}

func (b *bed) problems(r *ccms.Report, want ...string) {
	b.Helper()
	var got []string
	for _, p := range r.Problems {
		got = append(got, fmt.Sprintf("%s: %v", p.Place, p.Err))
	}
	if !slices.Equal(got, want) {
		b.Errorf("got problems\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func node(parts ...string) selector.Path {
	p := selector.Path{Cluster: "c", Node: "h"}
	if len(parts) > 0 {
		p.Component = selector.Part{Type: parts[0], ID: parts[1]}
	}
	if len(parts) > 2 {
		p.Sub = selector.Part{Type: parts[2], ID: parts[3]}
	}
	return p
}

func one(metric string, step, start int64, values ...float64) level {
	return level{series: []ccms.Series{{Metric: metric, Step: step, Start: start, Values: values}}}
}

func TestImport(t *testing.T) {
	b := newBed(t)
	r := b.load(files{
		"c/h/100.json":    []byte(small),
		"c/h/600.bin":     binaryFile(600, 700, one("a", 60, 601, 0.5, math.NaN(), 0.1)),
		"c/h/current.wal": walFile(ccms.Record{Metric: "a", Time: 725, Value: 0.2}, ccms.Record{Level: []string{"core1"}, Metric: "b", Time: -1, Value: 9}),
	})
	b.want("a", fmt.Sprintf("120=0 180=-1.5 600=0.5 720=%v", float64(float32(0.2))), node())
	b.want("b", "-10=9", node("core", "1"))
	if r.Clusters != 1 || r.Hosts != 1 || r.Files != 3 || r.Series != 2 || r.Taken != 5 || r.Repeats != 1 {
		t.Errorf("got report %+v", r)
	}
	b.problems(r)
}

// Ensure a series that was cut at the begin of a file is put back to its own slots.
func TestImportCut(t *testing.T) {
	f := func(from int64, want string) {
		t.Helper()
		b := newBed(t)
		b.load(files{
			"c/h/0.json":                      []byte(`{"metrics":{"a":{"frequency":60,"start":100,"data":[1,2]}}}`), // 70 to 190
			fmt.Sprintf("c/h/%d.bin", from):   binaryFile(from, 0, one("a", 60, from, 7, 8)),
			fmt.Sprintf("c/x/%d.json", from):  []byte(`{}`),
			fmt.Sprintf("c/h/%d.bin", 10_000): binaryFile(10_000, 0, one("a", 60, 10_000, 9)), // of 9970 to 10030: 9990
		})
		b.want("a", want+" 9960=9", node())
	}
	f(129, "60=7 120=8")             // in the slot of 100
	f(130, "60=1 120=7 180=8")       // the first second of that of 160
	f(160, "60=1 120=7 180=8")       // its time
	f(189, "60=1 120=7 180=8")       // the last second
	f(190, "60=1 120=2 180=7 240=8") // of 220
}

func TestImportWithoutPhase(t *testing.T) {
	b := newBed(t)
	b.load(files{"c/h/130.bin": binaryFile(130, 0, one("a", 60, 130, 7, 8))})
	b.want("a", "120=7 180=8", node())
}

// Ensure what the store has stays, at every level, and that once more changes nothing.
func TestImportAgain(t *testing.T) {
	b := newBed(t)
	id, _ := b.Table.Lookup("a")
	if _, err := b.Store.Write(node(), store.Point{Metric: id, Time: 150, Value: 0.04}); err != nil {
		t.Fatal(err)
	}
	all := files{"c/h/0.json": []byte(`{"metrics":{"a":{"frequency":60,"start":90,"data":[1,0.0,3]}},
	 "children":{"core0":{"metrics":{"a":{"frequency":60,"start":150,"data":[5]}}}}}`)}
	if r := b.load(all); r.Taken != 3 || r.There != 1 {
		t.Errorf("got %d taken, %d there, want 3 and 1", r.Taken, r.There)
	}
	if r := b.load(all); r.Taken != 0 || r.There != 4 {
		t.Errorf("again: got %d taken, %d there, want 0 and 4", r.Taken, r.There)
	}
	b.want("a", "60=1 120=0.04 180=3", node())
	b.want("a", "120=5", node("core", "0"))
}

// Ensure several samples of one slot become what the fold says, and the same
// sample of two files is one.
func TestImportFold(t *testing.T) {
	b := newBed(t)
	r := b.load(files{
		"c/h/0.bin": binaryFile(0, 0, level{series: []ccms.Series{
			{Metric: "n", Step: 20, Start: 60, Values: []float64{1, 2, 4, 8}},
			{Metric: "a", Step: 20, Start: 60, Values: []float64{1, 2, 4, 8}},
		}}),
		"c/h/current.wal": walFile(ccms.Record{Metric: "n", Time: 120, Value: 16}),
	})
	b.want("n", "60=7 120=16", node())
	b.want("a", "60=4 120=8", node())
	if r.Taken != 4 || r.Repeats != 5 || r.Steps["n"] != 20 {
		t.Errorf("got report %+v", r)
	}
}

func TestImportLevels(t *testing.T) {
	b := newBed(t)
	b.Types = []string{"lustre"}
	level := func(names ...string) ccms.Record {
		return ccms.Record{Level: names, Metric: "a", Time: 60, Value: 1}
	}
	f := func(want selector.Path, names ...string) {
		t.Helper()
		b.Store = store.New(b.Table, store.Config{})
		b.load(files{"c/h/current.wal": walFile(level(names...))})
		b.want("a", "60=1", want)
	}
	f(node("hwthread", "12"), "hwthread12")
	f(node("memoryDomain", "1"), "memoryDomain1")
	f(node("accelerator", "00000000:49:00.0"), "accelerator00000000:49:00.0")
	f(node("socket", "0", "memchan", "1"), "socket0", "memchan1")
	f(node("node", "0", "filesystem", "/home"), "0", "filesystem/home")
	f(node(), "0")
	f(node("network", "eth0"), "networketh0")
	f(node("lustre", "home"), "lustrehome")
	f(node("gpu", "7"), "gpu7")
	f(node("coretemp", "0"), "coretemp0")
	f(node("coretempA", "0"), "coretempA") // no id: as in lines that have none
	f(node("nvme0n1", "0"), "nvme0n1")
	f(node("hwthread", "0"), "hwthread") // likewise

	r := b.load(files{"c/h/current.wal": walFile(level("a", "b", "c"), level(""), level("x/y"), level("core0", "a\x00"))})
	if got := r.Refused[ccms.ReasonLevel]; got == nil || got.Samples != 4 || !strings.HasPrefix(got.First, "c/h/current.wal: ") {
		t.Errorf("got %+v, want 4 samples without a place", got)
	}
}

// Ensure every sample that was read is in the report, once.
func TestImportRefuses(t *testing.T) {
	b := newBed(t)
	b.Newest = 1000
	b.Oldest = func(cluster, metric string) int64 {
		if cluster != "c" || metric != "a" {
			t.Errorf("asked for %s of %s", metric, cluster)
		}
		return 100
	}
	r := b.load(files{
		"c/h/1.json": []byte(`{"metrics":{"a":{"frequency":60,"start":40,"data":[1,2,null,1e999]},"x":{"frequency":30,"start":0,"data":[1,null,1]},
		 "n":{"frequency":0,"start":0,"data":[1]},"b":{"frequency":10,"start":9000000000000000,"data":[1,2]}}}`),
		"c/h/current.wal": walFile(
			ccms.Record{Metric: "a", Time: 1001, Value: 1}, ccms.Record{Metric: "a", Time: 1 << 62, Value: 1},
			ccms.Record{Metric: "a", Time: 1000, Value: 1}, ccms.Record{Metric: "a", Time: 500, Value: math.NaN()},
			ccms.Record{Metric: "y", Time: 500, Value: 1}),
	})
	b.want("a", "60=2 960=1", node()) // 100 is in the slot of 60
	got := map[string]int{}
	for reason, v := range r.Refused {
		got[reason] = v.Samples
	}
	want := map[string]int{ccms.ReasonOld: 1, ccms.ReasonFuture: 1, ccms.ReasonValue: 1, ccms.ReasonStep: 4}
	if d := diff(got, want); d != "" {
		t.Error(d)
	}
	if d := diff(r.Unknown, map[string]*ccms.Unknown{"x": {Samples: 2, Step: 30}, "y": {Samples: 1}}); d != "" {
		t.Error(d)
	}
}

func TestImportLearns(t *testing.T) {
	b := newBed(t)
	if err := b.Table.SetLearn(metric.Learn{Step: 60, Max: 2}); err != nil {
		t.Fatal(err)
	}
	r := b.load(files{"c/h/0.bin": binaryFile(0, 0, one("x", 10, 20, 1, 2)), "c/h/current.wal": walFile(
		ccms.Record{Metric: "y", Time: 70, Value: 3}, ccms.Record{Metric: "z", Time: 70, Value: 3})})
	b.want("x", "20=1 30=2", node())
	b.want("y", "60=3", node())
	if r.Taken != 3 || r.Unknown["z"] == nil {
		t.Errorf("got report %+v, want z unknown", r)
	}
}

// Ensure what is wrong is told with its place, and harms nothing else.
func TestImportProblems(t *testing.T) {
	b := newBed(t)
	good := walFile(ccms.Record{Metric: "a", Time: 60, Value: 1})
	r := b.load(files{
		"note.txt":           nil,
		"c/note.txt":         nil,
		"c/h/100.bin":        smallBinary()[:20],
		"c/h/200.json":       []byte(`{"metrics":{"a":{"frequency":60,"start":240,"data":[2]},`),
		"c/h/300.bin.tmp":    nil,
		"c/h/60_300.avro":    nil,
		"c/h/later.json":     nil,
		"c/h/sub/1.json":     []byte(small),
		"c/h/current.wal":    append(slices.Clone(good), "tail"...),
		"c/\x01/current.wal": good,
		"c/empty/note":       nil,
		"d/g/current.wal":    []byte("no magic"),
	})
	b.want("a", "60=1 240=2", node())
	if r.Hosts != 2 || r.Clusters != 2 || r.Taken != 2 {
		t.Errorf("got report %+v", r)
	}
	b.problems(r,
		"note.txt: left alone: not a folder",
		"c/note.txt: left alone: not a folder",
		"c/\x01: node \"\\x01\" has control characters",
		"c/empty/note: left alone: not a file of cc-metric-store's checkpoints",
		"c/h/300.bin.tmp: left alone: a snapshot that was not written to its end",
		"c/h/60_300.avro: left alone: of an archive, or of a version that was never released",
		"c/h/later.json: left alone: not a file of cc-metric-store's checkpoints",
		"c/h/sub: left alone: not a file of cc-metric-store's checkpoints, a folder",
		"c/h/100.bin: at byte 20: it ends early",
		"c/h/200.json: at byte 56: it ends early",
		"c/h/current.wal: at byte 32: 4 bytes are no record",
		"d/g/current.wal: at byte 0: it does not begin as such a file does",
	)
}

func TestImportNothing(t *testing.T) {
	b := newBed(t)
	for _, fsys := range []fs.FS{fstest.MapFS{}, fstest.MapFS{"h/1.json": {}}, fstest.MapFS{"1.json": {}}} {
		if _, err := b.Import(t.Context(), fsys); !errors.Is(err, ccms.ErrNothing) {
			t.Errorf("got error %v, want ErrNothing", err)
		}
	}
}

func TestImportStops(t *testing.T) {
	b := newBed(t)
	ctx, stop := context.WithCancel(t.Context())
	b.Progress = func(done, hosts int, _ *ccms.Report) {
		if hosts != 3 {
			t.Errorf("got %d hosts, want 3", hosts)
		}
		if done == 1 {
			stop()
		}
	}
	one := &fstest.MapFile{Data: []byte(small)}
	r, err := b.Import(ctx, fstest.MapFS{"c/a/1.json": one, "c/b/1.json": one, "c/c/1.json": one})
	if !errors.Is(err, context.Canceled) || r.Files != 1 {
		t.Errorf("got error %v after %d files, want it stopped after 1", err, r.Files)
	}
}

func TestImportFull(t *testing.T) {
	b := newBed(t)
	b.Store = store.New(b.Table, store.Config{MaxBytes: 1})
	r := b.load(files{"c/h/1.json": []byte(small)})
	if got := r.Refused[ccms.ReasonMemory]; got == nil || got.Samples != 2 || r.Taken != 0 {
		t.Errorf("got report %+v, want 2 samples without memory", r)
	}
}
