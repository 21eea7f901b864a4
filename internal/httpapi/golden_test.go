package httpapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/store"
)

// goldenVariable names the folder of answers that a cc-metric-store gave.
const goldenVariable = "TALLYTEST_CCMS_GOLDEN"

// Ensure everything that was asked of a cc-metric-store, in order, is answered as
// it did, but for what docs/cc-metric-store.md lists; and what it lists is
// answered differently.
func TestGolden(t *testing.T) {
	folder := goldenFolder(t)
	listed := deviations(t)
	s := newGolden(t, folder)
	played := map[int]bool{}
	for _, c := range goldenCases(t, folder) {
		played[c.N] = true
		diff := c.compare(s.play(c))
		switch rows := listed[c.N]; {
		case diff != "" && rows == nil:
			t.Errorf("%03d-%s deviates, and the table does not list it (%s)\n%s", c.N, c.Name, c.Note, diff)
		case diff == "" && rows != nil:
			t.Errorf("%03d-%s is answered alike, but the table lists it: %q", c.N, c.Name, rows)
		}
	}
	var unplayed []int
	for n := range listed {
		if !played[n] {
			unplayed = append(unplayed, n)
		}
	}
	slices.Sort(unplayed)
	t.Logf("played %d cases, %d of them listed as deviations; listed, but not among the cases: %v",
		len(played), len(listed)-len(unplayed), unplayed)
}

// Ensure nothing but the slots, and samples that come late, is why the table says
// so of a case: with each sample at the time of the slot that the reference has it
// in, and without those that it drops, the case is answered alike.
func TestGoldenOnTheGrid(t *testing.T) {
	folder := goldenFolder(t)
	listed := deviations(t)
	s := newGolden(t, folder)
	same := 0
	for _, c := range goldenCases(t, folder) {
		if c.Name == "write-dataset" {
			c.body = s.onGrid(c.body)
		}
		diff := c.compare(s.play(c))
		if !slices.ContainsFunc(listed[c.N], isOfTime) || slices.ContainsFunc(listed[c.N], isOther) {
			continue
		}
		same++
		if diff != "" {
			t.Errorf("%03d-%s: %q is not all\n%s", c.N, c.Name, listed[c.N], diff)
		}
	}
	if same == 0 {
		t.Error("no case was compared")
	}
	t.Logf("%d cases are answered alike", same)
}

func isOfTime(row string) bool {
	return strings.Contains(row, "**Slots**") || strings.Contains(row, "**late**")
}

func isOther(row string) bool { return !isOfTime(row) }

// onGrid returns the lines of a body as the reference takes them: a time is that
// of the nearest slot, and what is older than the first of its series is dropped.
func (g *golden) onGrid(body []byte) []byte {
	var out []string
	first := map[string]int64{} // by the key of the line
	for line := range strings.Lines(string(body)) {
		words := strings.Fields(line)
		at, err := strconv.ParseInt(words[len(words)-1], 10, 64)
		if err != nil || len(words) != 3 {
			g.Fatalf("%q is not as simple as the test thinks", line)
		}
		name, _, _ := strings.Cut(line, ",")
		step := g.steps[name]
		at = (at + step/2) / step * step
		key := strings.ReplaceAll(words[0], ",type=node", "")
		if _, there := first[key]; !there {
			first[key] = at
		}
		if at >= first[key] {
			out = append(out, fmt.Sprintf("%s %s %d\n", words[0], words[1], at))
		}
	}
	return []byte(strings.Join(out, ""))
}

func goldenFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv(goldenVariable)
	if folder == "" {
		t.Skipf("%s is not set: the answers of a cc-metric-store are not there to be compared with", goldenVariable)
	}
	return folder
}

// Ensure the tests that the page names are there.
func TestPageNamesTests(t *testing.T) {
	page, err := os.ReadFile("../../docs/cc-metric-store.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	root := os.DirFS("../..")
	err = fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != "." && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(root, path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1)
	for _, m := range names {
		if !there[string(m[1])] {
			t.Errorf("there is no %s", m[1])
		}
	}
	if len(names) == 0 {
		t.Error("the page names no tests")
	}
}

// deviations returns the rows of the table, by the number of the case.
func deviations(t *testing.T) map[int][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/cc-metric-store.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "\n## Deviations\n")
	if !ok {
		t.Fatal("docs/cc-metric-store.md has no section Deviations")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	out := map[int][]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|.*$`).FindAllStringSubmatch(table, -1) {
		for cell := range strings.SplitSeq(row[1], ",") {
			n, err := strconv.Atoi(strings.TrimSpace(cell))
			if err != nil {
				t.Fatalf("docs/cc-metric-store.md: %q is not the number of a case", cell)
			}
			out[n] = append(out[n], row[0])
		}
	}
	return out
}

// A goldenCase is one request and what the reference answered.
type goldenCase struct {
	N       int
	Name    string
	Method  string
	Path    string
	Auth    string
	Headers []string
	Note    string
	Compare string

	body   []byte
	status int
	answer []byte
}

func goldenCases(t *testing.T, folder string) []*goldenCase {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(folder, "cases", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases in %s: %v", folder, err)
	}
	var out []*goldenCase
	for _, dir := range dirs {
		c := new(goldenCase)
		read := func(name string) []byte {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			return b
		}
		if err := json.Unmarshal(read("request.json"), c); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		if c.status, err = strconv.Atoi(strings.TrimSpace(string(read("status")))); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		c.body, c.answer = read("request.body"), read("response.body")
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *goldenCase) int { return cmp.Compare(a.N, b.N) })
	return out
}

// A golden is a server with the configuration of the reference's.
type golden struct {
	*server
	folder string
	steps  map[string]int64 // seconds, by metric
}

func newGolden(t *testing.T, folder string) *golden {
	t.Helper()
	var cfg struct {
		Main struct {
			Key string `json:"jwt-public-key"`
		}
		Metrics map[string]struct {
			Frequency   int64
			Aggregation *string
		}
	}
	unmarshalFile(t, filepath.Join(folder, "config.json"), &cfg)
	var meta struct{ Now int64 }
	unmarshalFile(t, filepath.Join(folder, "meta.json"), &meta)
	var metrics []metric.Metric
	steps := map[string]int64{}
	for name, m := range cfg.Metrics {
		row := metric.Metric{Name: name, Step: m.Frequency}
		if m.Aggregation != nil {
			if err := row.Aggregation.UnmarshalText([]byte(*m.Aggregation)); err != nil {
				t.Fatal(err)
			}
		}
		metrics = append(metrics, row)
		steps[name] = row.Step
	}
	now := func() time.Time { return time.Unix(meta.Now, 0) }
	s, _ := newCompat(t, now, cfg.Main.Key, metrics)
	return &golden{s, folder, steps}
}

func unmarshalFile(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// newCompat returns a server in front of the real parts, for cc-metric-store's
// face, which keeps samples of any age. With a public key, tokens of that key are
// good, else those of the server.
func newCompat(t *testing.T, now func() time.Time, key string, metrics []metric.Metric) (*server, *store.Store) {
	t.Helper()
	table, err := metric.NewTable(metrics)
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(table, store.Config{MaxBytes: 256 << 20})
	s := newServerOf(t, httpapi.Config{}, func(s *server, p *httpapi.Parts) {
		in, err := ingest.New(ingest.Default(), ingest.Parts{
			Collector: func(out collect.Output) ingest.Collector { return collect.New(collect.Default(), out) },
			Ledger:    s.ledger, Store: st, Table: table, Now: now, Metrics: s.registry,
		})
		if err != nil {
			t.Fatal(err)
		}
		engine := query.New(st, table, query.Config{MaxValues: 1 << 20})
		p.Ingest, p.Query = in, engine
		p.Compat = httpapi.Compat{Table: table, Store: st, Reader: engine.Reader, Now: now, Free: in.Free}
		if key != "" {
			if p.Auth, err = auth.NewVerifier(auth.Config{PublicKey: key}, now); err != nil {
				t.Fatal(err)
			}
		}
	})
	return s, st
}

// play asks what c asks.
func (g *golden) play(c *goldenCase) told {
	g.Helper()
	path := strings.ReplaceAll(c.Path, " ", "%20")
	header := map[string]string{"Authorization": "", "Content-Type": ""}
	if name, ok := strings.CutPrefix(c.Auth, "Bearer <"); ok {
		token, err := os.ReadFile(filepath.Join(g.folder, "tokens", strings.TrimSuffix(name, ">")))
		if err != nil {
			g.Fatal(err)
		}
		header["Authorization"] = "Bearer " + strings.TrimSpace(string(token))
	} else if c.Auth != "" {
		c.Headers = append(c.Headers, c.Auth)
	}
	for _, h := range c.Headers {
		name, value, _ := strings.Cut(h, ":")
		header[name] = strings.TrimSpace(value)
	}
	return g.do(asked{method: c.Method, path: path, header: header, body: bytes.NewReader(c.body)})
}

// compare returns how got differs from what the reference answered, as far as
// its own rounding lets one tell. The words of errors of its libraries, and node
// orders that its maps gave, are not compared.
func (c *goldenCase) compare(got told) string {
	if c.status != got.status {
		return fmt.Sprintf("status %d, not %d: %s", got.status, c.status, clip(got.body))
	}
	if c.Compare == "nondeterministic" { // data or an error, as its maps have it
		return ""
	}
	var want, have any
	if json.Unmarshal(c.answer, &want) != nil {
		if got.body != string(c.answer) {
			return fmt.Sprintf("got  %s\nwant %s", clip(got.body), clip(string(c.answer)))
		}
		return ""
	}
	if err := json.Unmarshal([]byte(got.body), &have); err != nil {
		return fmt.Sprintf("%v: %s", err, clip(got.body))
	}
	if c.Compare == "json-unordered" {
		want, have = byNode(want), byNode(have)
	}
	if c.status >= 400 && libraryText(want) {
		want, have = shape(want), shape(have)
	}
	if diff := gocmp.Diff(want, have, near()); diff != "" {
		return "(-reference +here)\n" + diff
	}
	return ""
}

// libraryText reports whether an error is in the words of Go's own packages.
func libraryText(v any) bool {
	e, _ := v.(map[string]any)
	text, _ := e["error"].(string)
	return strings.Contains(text, "json: ") || strings.Contains(text, "strconv.") || strings.Contains(text, "EOF") ||
		strings.Contains(text, "invalid character") || strings.Contains(text, "unexpected end of JSON")
}

// shape returns v without its text.
func shape(v any) any {
	if e, ok := v.(map[string]any); ok {
		if text, ok := e["error"].(string); ok && text != "" {
			e["error"] = "…"
		}
	}
	return v
}

// byNode sorts the queries of an answer to for-all-nodes, and their results.
func byNode(v any) any {
	answer, _ := v.(map[string]any)
	queries, _ := answer["queries"].([]any)
	results, _ := answer["results"].([]any)
	if len(queries) == 0 || len(queries) > len(results) {
		return v
	}
	type pair struct {
		key           string
		query, result any
	}
	explicit := len(results) - len(queries)
	pairs := make([]pair, len(queries))
	for i, q := range queries {
		pairs[i] = pair{fmt.Sprint(q), q, results[explicit+i]}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	for i, p := range pairs {
		queries[i], results[explicit+i] = p.query, p.result
	}
	return v
}

// near compares the numbers of answers as far as the reference's rounding lets
// one: values have three digits behind the point there, statistics two.
func near() gocmp.Options {
	rounded := func(statistic bool, half float64) gocmp.Option {
		return gocmp.FilterPath(
			func(p gocmp.Path) bool { return isStatistic(p) == statistic },
			gocmp.Comparer(func(a, b float64) bool {
				return a == b || math.Abs(a-b) <= half+1e-9*math.Max(1, math.Abs(a))
			}))
	}
	return gocmp.Options{rounded(true, 0.005), rounded(false, 0.0005)}
}

func isStatistic(p gocmp.Path) bool {
	for _, step := range slices.Backward(p) {
		if key, ok := step.(gocmp.MapIndex); ok {
			return slices.Contains([]string{"avg", "min", "max"}, key.Key().String())
		}
	}
	return false
}

func clip(text string) string {
	if len(text) > 300 {
		return text[:300] + "…"
	}
	return text
}
