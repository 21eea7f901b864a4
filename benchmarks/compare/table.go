package main

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallystick/benchmarks/workload"
)

// A table is what was measured.
type table struct {
	bench  *bench
	w      *workload.Workload
	peers  []candidate
	values map[string]map[row][]float64 // of each peer, one for each round
	began  time.Time
	load   string // of the machine, when it began
}

func newTable(b *bench, w *workload.Workload, peers []candidate) *table {
	t := &table{bench: b, w: w, peers: peers, values: make(map[string]map[row][]float64), began: time.Now(), load: loadavg()}
	for _, p := range peers {
		t.values[p.name] = make(map[row][]float64)
	}
	return t
}

func (t *table) put(peer string, r row, value float64) {
	t.values[peer][r] = append(t.values[peer][r], value)
}

// last returns what was put last; 0 if nothing was.
func (t *table) last(peer string, r row) float64 {
	v := t.values[peer][r]
	if len(v) == 0 {
		return 0
	}
	return v[len(v)-1]
}

// median returns that of the rounds; NaN if nothing was measured.
func (t *table) median(peer string, r row) float64 {
	v := slices.Sorted(slices.Values(t.values[peer][r]))
	if len(v) == 0 {
		return math.NaN()
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// print writes all as Markdown.
func (t *table) print(out io.Writer) error {
	var b strings.Builder
	t.describe(&b)
	head(&b, t.peers)
	for _, r := range rowTexts() {
		if !t.measured(r.row) {
			continue
		}
		cells := []string{t.fill(r.text)}
		for _, p := range t.peers {
			cells = append(cells, t.cell(p.name, r))
		}
		line(&b, cells)
	}
	t.spread(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

// measured reports whether there is a value of any peer.
func (t *table) measured(r row) bool {
	return slices.ContainsFunc(t.peers, func(p candidate) bool { return len(t.values[p.name][r]) > 0 })
}

func head(b *strings.Builder, peers []candidate) {
	names, rule := []string{""}, []string{"---"}
	for _, p := range peers {
		names, rule = append(names, p.name), append(rule, "---:")
	}
	line(b, names)
	line(b, rule)
}

func line(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// cell is a value, and how many times that of the first peer it is.
func (t *table) cell(peer string, r rowText) string {
	v := t.median(peer, r.row)
	if math.IsNaN(v) {
		return "–"
	}
	text := strconv.FormatFloat(v, 'f', r.digits, 64)
	first := t.median(t.peers[0].name, r.row)
	if !r.compare || peer == t.peers[0].name || first <= 0 {
		return text
	}
	return fmt.Sprintf("%s (×%.2f)", text, v/first)
}

func (t *table) fill(text string) string {
	return strings.NewReplacer(
		"{size}", grouped(t.bench.size), "{small}", grouped(t.w.AtOnce()),
		"{nodes}", grouped(t.w.Nodes), "{slots}", grouped(t.w.Slots), "{series}", grouped(t.w.Series()),
		"{many}", grouped(t.bench.manySeries()), "{manyslots}", grouped(t.bench.manySlots),
	).Replace(text)
}

// grouped writes a number with commas.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// describe tells what was done, with whom, and where.
func (t *table) describe(b *strings.Builder) {
	fmt.Fprintf(b, "# Comparison of %s\n\n", t.began.UTC().Format("2 January 2006"))
	fmt.Fprintf(b, "Written by `%s`.\n\n", t.bench.command())
	fmt.Fprintf(b, "Shape %s: %s nodes, %s series, a sample every %d s, %s slots, %s samples in lines of %.0f bytes on the average.\n",
		t.bench.load.Shape, grouped(t.w.Nodes), grouped(t.w.Series()), t.w.Step(), grouped(t.w.Slots), grouped(t.w.Samples()), t.lineBytes())
	fmt.Fprintf(b, "%d connections; %s samples a request, or those of one node (and %s slots, after which the server is killed).\n",
		t.bench.senders, grouped(t.bench.size), grouped(t.bench.small))
	fmt.Fprintf(b, "CPU and memory are those of the whole process of the server. Medians of %d rounds, in each of which all had\n"+
		"their turn; × is how many times the first column.\n\n", t.bench.rounds)
	for _, p := range t.peers {
		fmt.Fprintf(b, "- %s: %s\n", p.name, p.version)
	}
	for _, w := range t.bench.without {
		fmt.Fprintf(b, "- without %s\n", w)
	}
	fmt.Fprintf(b, "- on %s, %d cores, Linux %s; load (loadavg) when it began: %s\n\n", processor(), runtime.NumCPU(), kernel(), t.load)
}

// lineBytes is the mean length of the lines of the first slots, by samples.
func (t *table) lineBytes() float64 {
	for batch := range t.w.Batches(0, 1, 100_000) {
		return float64(len(t.w.AppendLines(nil, batch))) / float64(len(batch))
	}
	return 0
}

// command is how the table is made again, without paths of this machine.
func (b *bench) command() string {
	if len(b.args) == 0 {
		return "make compare"
	}
	return `make compare COMPARE="` + regexp.MustCompile(`[^ =,]*/[^ =,]*`).ReplaceAllString(strings.Join(b.args, " "), "PATH") + `"`
}

// spread tells the least and the most of what was measured more than once.
func (t *table) spread(b *strings.Builder) {
	if t.bench.rounds < 2 {
		return
	}
	b.WriteString("\nLeast and most of the rounds:\n\n")
	head(b, t.peers)
	for _, r := range rowTexts() {
		if !slices.Contains([]row{ingestLarge, ingestSmall, memory, restartCPU, oneCPU, manyCPU, averageCPU, kept}, r.row) {
			continue
		}
		cells := []string{t.fill(r.text)}
		for _, p := range t.peers {
			cell := "–"
			if v := t.values[p.name][r.row]; len(v) > 0 {
				cell = fmt.Sprintf("%.*f to %.*f", r.digits, slices.Min(v), r.digits, slices.Max(v))
			}
			cells = append(cells, cell)
		}
		line(b, cells)
	}
}
