package ccms_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"tallystick/internal/ccms"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// goldenVariable names the folder of what a cc-metric-store wrote and answered.
const goldenVariable = "TALLYTEST_CCMS_GOLDEN"

func goldenFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(goldenVariable)
	if dir == "" {
		t.Skipf("%s names no folder of recorded answers", goldenVariable)
	}
	return dir
}

// newGolden is a bed with the metrics of the recorded server.
func newGolden(t *testing.T, folder string) *bed {
	t.Helper()
	var cfg struct {
		Metrics map[string]struct {
			Frequency   int64
			Aggregation metric.Aggregation
		}
	}
	readGolden(t, filepath.Join(folder, "config.json"), &cfg)
	var list []metric.Metric
	for name, m := range cfg.Metrics {
		list = append(list, metric.Metric{Name: name, Step: m.Frequency, Aggregation: m.Aggregation})
	}
	table, err := metric.NewTable(list)
	if err != nil {
		t.Fatal(err)
	}
	return &bed{TB: t, Importer: ccms.Importer{Store: store.New(table, store.Config{}), Table: table}}
}

func readGolden(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func (b *bed) loadFolder(dir string) *ccms.Report {
	b.Helper()
	r, err := b.Import(b.Context(), os.DirFS(dir))
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// An asked is a recorded query and its answer.
type asked struct {
	Request struct {
		Cluster  string
		From, To int64
		Queries  []question
	}
	Response struct {
		Results [][]answer
	}
}

type question struct {
	Metric, Host, Type, Subtype string
	TypeIDs                     []string `json:"type-ids"`
	SubtypeIDs                  []string `json:"subtype-ids"`
}

type answer struct {
	Data       []*float64
	From, To   int64
	Resolution int64
}

// paths returns what each answer to q is of.
func (q question) paths(cluster string) []selector.Path {
	p := selector.Path{Cluster: cluster, Node: q.Host}
	if q.Type == "" {
		return []selector.Path{p}
	}
	var out []selector.Path
	for _, id := range q.TypeIDs {
		p.Component = selector.Part{Type: q.Type, ID: id}
		if q.Subtype != "" {
			p.Sub = selector.Part{Type: q.Subtype, ID: q.SubtypeIDs[0]}
		}
		out = append(out, p)
	}
	return out
}

// Ensure each set of checkpoints that a cc-metric-store restored gives what it
// answered from it then, at the times that the samples had.
//
// It restores the value of [t-step/2, t+step/2) as that of [t, t+step), and so
// answers it at t+step/2, or, asked for a range that begins at a slot of ours, at t.
// In both cases, a value that it tells at T is ours of slot floor(T/step): the
// samples of these sets came at full steps.
func TestGolden(t *testing.T) {
	folder := goldenFolder(t)
	sets, err := filepath.Glob(filepath.Join(folder, "restore", "*", "checkpoints"))
	if err != nil || len(sets) == 0 {
		t.Fatalf("no sets: %v", err)
	}
	for _, set := range sets {
		set = filepath.Dir(set)
		name := filepath.Base(set)
		if note, err := os.ReadFile(filepath.Join(set, "note.txt")); err != nil || strings.HasPrefix(string(note), "BUG:") {
			t.Logf("%s is passed over: %.60s (%v)", name, note, err)
			continue
		}
		b := newGolden(t, folder)
		r := b.loadFolder(filepath.Join(set, "checkpoints"))
		t.Logf("%s: %d files, %d samples taken, unknown %d, problems %v", name, r.Files, r.Taken, len(r.Unknown), r.Problems)
		queries, _ := filepath.Glob(filepath.Join(set, "*.json"))
		n := 0
		for _, path := range queries {
			var a asked
			readGolden(t, path, &a)
			n += b.compare(name+"/"+filepath.Base(path), a)
		}
		if n == 0 {
			t.Errorf("%s: nothing to compare", name)
		}
	}
}

// compare compares all answers, and returns how many values it looked at.
func (b *bed) compare(name string, a asked) (n int) {
	b.Helper()
	for i, q := range a.Request.Queries {
		paths := q.paths(a.Request.Cluster)
		results := a.Response.Results[i]
		if len(results) != len(paths) {
			b.Errorf("%s: query %d has %d answers, want %d", name, i, len(results), len(paths))
			continue
		}
		for j, p := range paths {
			n += b.compareOne(fmt.Sprintf("%s: %s of %s", name, q.Metric, p), q.Metric, p, results[j])
		}
	}
	return n
}

func (b *bed) compareOne(name, metricName string, p selector.Path, a answer) int {
	b.Helper()
	id, _ := b.Table.Lookup(metricName)
	m := b.Table.At(id)
	first, end := m.Slot(a.From), m.Slot(a.To)
	got, err := b.Store.Read(p, id, m.Aggregation, first*m.Step, end*m.Step)
	if err != nil {
		b.Errorf("%s: %v", name, err)
	}
	values := a.Data[len(a.Data)-int((a.To-a.From)/a.Resolution):] // without padding
	want := make([]float64, len(values))
	have := make([]float64, len(values))
	for i, v := range values {
		want[i], have[i] = math.NaN(), math.NaN()
		if v != nil {
			want[i] = *v
		}
		if k := first + int64(i) - m.Slot(got.From); k >= 0 && k < int64(len(got.Values)) {
			have[i] = math.Round(got.Values[k]*1000) / 1000 // as it rounds
		}
	}
	if d := diff(have, want); d != "" || m.Step != a.Resolution {
		b.Errorf("%s:\n%s", name, d)
	}
	return len(values)
}

// Ensure what one version of the original wrote in JSON and binary is the same,
// but for the digits that JSON has not.
func TestGoldenForms(t *testing.T) {
	folder := goldenFolder(t)
	inJSON, inBinary := newGolden(t, folder), newGolden(t, folder)
	r, s := inJSON.loadFolder(folder+"/checkpoints/fixed/json"), inBinary.loadFolder(folder+"/checkpoints/fixed/bin")
	if r.Taken != s.Taken || r.Series != s.Series || r.Taken == 0 || len(r.Problems)+len(s.Problems) > 0 {
		t.Errorf("got reports\n%+v\n%+v", r, s)
	}
	apart := 0
	next := func(bed *bed) []*store.BlockAt {
		var out []*store.BlockAt
		for b := range bed.Store.Blocks() {
			c := *b
			out = append(out, &c)
		}
		return out
	}
	a, b := next(inJSON), next(inBinary)
	for i := range min(len(a), len(b)) {
		if a[i].Path != b[i].Path || a[i].Metric != b[i].Metric || a[i].Index != b[i].Index {
			t.Fatalf("block %d is of %s and %s", i, a[i].Path, b[i].Path)
		}
		for k, v := range a[i].Values {
			w := b[i].Values[k]
			if !math.IsNaN(v) && v != w {
				apart++
			}
			if math.IsNaN(v) != math.IsNaN(w) || math.Abs(v-w) > 0.0501 || !math.IsNaN(w) && w != float64(float32(w)) {
				t.Errorf("%s of %s, slot %d: %v and %v", a[i].Metric, a[i].Path, k, v, w)
			}
		}
	}
	if len(a) != len(b) || apart == 0 {
		t.Errorf("got %d and %d blocks, with %d values apart", len(a), len(b), apart)
	}
}

// Ensure a snapshot that begins within a slot lies on the one before it.
func TestGoldenCut(t *testing.T) {
	folder := goldenFolder(t)
	alone := newGolden(t, folder)
	want := alone.loadFolder(folder + "/checkpoints/fixed/json")
	fsys := make(fstest.MapFS)
	cutSamples := newGolden(t, folder).loadFolder(folder + "/checkpoints/fixed/json-midrange").Taken
	for _, set := range []string{"json", "json-midrange"} {
		paths, _ := filepath.Glob(filepath.Join(folder, "checkpoints/fixed", set, "*/*/*"))
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			host := filepath.Base(filepath.Dir(path))
			fsys["fix/"+host+"/"+filepath.Base(path)] = &fstest.MapFile{Data: data}
		}
	}
	both := newGolden(t, folder)
	got, err := both.Import(t.Context(), fsys)
	if err != nil || got.Files <= want.Files || got.Taken != want.Taken || got.Repeats != cutSamples || cutSamples == 0 {
		t.Errorf("got %+v, error %v; want no samples besides the %d, and %d repeated", got, err, want.Taken, cutSamples)
	}
	for a := range alone.Store.Blocks() {
		found := false
		for b := range both.Store.Blocks() {
			if b.Path == a.Path && b.Metric == a.Metric && b.Index == a.Index {
				found = diff(b.Values, a.Values) == ""
			}
		}
		if !found {
			t.Errorf("%s of %s is another one", a.Metric, a.Path)
		}
	}
}
