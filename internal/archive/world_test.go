package archive_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/block"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ocf"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// day0 is the first day of a model: 2023-11-14.
const day0 = archive.Day(19675)

// A model is a Source of plain lists.
type model struct {
	blocks    []*store.BlockAt // sorted
	transfers []*transfer.Transfer
	claims    []*transfer.Claim
	packets   []archive.Packet
	closed    int
}

func (m *model) Close() { m.closed++ }

func (m *model) Clusters() []string {
	var out []string
	for _, b := range m.blocks {
		out = append(out, b.Path.Cluster)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func begin(b *store.BlockAt) int64 { return b.Index * block.Slots * b.Step }

func (m *model) Oldest(kind archive.Kind) (sec int64, ok bool) {
	sec = math.MaxInt64
	see := func(t int64) { sec, ok = min(sec, t), true }
	switch kind {
	case checkpoint.Samples:
		for _, b := range m.blocks {
			see(begin(b))
		}
	case checkpoint.Transfers:
		for _, t := range m.transfers {
			see(t.Time())
		}
	case checkpoint.Claims:
		for _, c := range m.claims {
			see(c.Time())
		}
	case checkpoint.Packets:
		for _, p := range m.packets {
			see(p.At.Unix())
		}
	}
	return sec, ok
}

func (m *model) Blocks(ctx context.Context, cluster string, from, to int64) iter.Seq2[*store.BlockAt, error] {
	var one store.BlockAt // good until the next one only
	return func(yield func(*store.BlockAt, error) bool) {
		for _, b := range m.blocks {
			if b.Path.Cluster == cluster && begin(b) < to && begin(b)+block.Slots*b.Step > from {
				one = *b
				if !yield(&one, ctx.Err()) {
					return
				}
			}
		}
	}
}

func within[T any](ctx context.Context, list []T, at func(T) int64, from, to int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if t := at(v); t >= from && t < to && !yield(v, ctx.Err()) {
				return
			}
		}
	}
}

func (m *model) Transfers(ctx context.Context, from, to int64) iter.Seq2[*transfer.Transfer, error] {
	return within(ctx, m.transfers, (*transfer.Transfer).Time, from, to)
}

func (m *model) Claims(ctx context.Context, from, to int64) iter.Seq2[*transfer.Claim, error] {
	return within(ctx, m.claims, (*transfer.Claim).Time, from, to)
}

func (m *model) Packets(ctx context.Context, from, to int64) iter.Seq2[archive.Packet, error] {
	return within(ctx, m.packets, func(p archive.Packet) int64 { return p.At.Unix() }, from, to)
}

// odd are values whose bits are easily lost.
func odd() []float64 {
	return []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324, 0.1, 1.0 / 3, -1e300}
}

// random makes a model of some days.
func random(r *rand.Rand, days int) *model {
	m := new(model)
	clusters := []string{"a", "b/c", "\xff..", strings.Repeat("long", 60), strings.Repeat("long", 60) + "er"}
	metrics := []string{"load", "bytes", "\xfe"}
	sec := func() int64 { return day0.From() + r.Int64N(int64(days)*86400) }
	seen := make(map[string]bool)
	for range 15 {
		step := []int64{1, 10, 60, 3600, 7}[r.IntN(5)]
		b := &store.BlockAt{Metric: metrics[r.IntN(len(metrics))], Step: step, Index: sec() / step / block.Slots}
		b.Path = selector.Path{Cluster: clusters[r.IntN(len(clusters))], Node: fmt.Sprint("n", r.IntN(3))}
		if r.IntN(2) == 0 {
			b.Path.Component = selector.Part{Type: "client", ID: "\x80"}
			if r.IntN(2) == 0 {
				b.Path.Sub = selector.Part{Type: "core", ID: "1"}
			}
		}
		b.Step = map[string]int64{"load": 10, "bytes": 60}[b.Metric]
		if b.Step == 0 {
			b.Step = step
		}
		b.Index = sec() / b.Step / block.Slots
		for n := range 3 { // some in a row
			next := *b
			next.Index += int64(n)
			key := fmt.Sprintf("%q %q %d", next.Path, next.Metric, next.Index)
			if seen[key] || r.IntN(4) == 0 {
				continue
			}
			seen[key] = true
			for i := range next.Values {
				next.Values[i] = math.NaN()
				if r.IntN(3) > 0 {
					next.Values[i] = odd()[r.IntN(len(odd()))] * float64(1+r.IntN(3))
				}
			}
			m.blocks = append(m.blocks, &next)
		}
	}
	slices.SortStableFunc(m.blocks, func(a, b *store.BlockAt) int {
		return cmp.Or(cmp.Compare(a.Path.String(), b.Path.String()), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Index, b.Index))
	})
	for i := range 300 {
		at := sec()
		t := &transfer.Transfer{
			ID: fmt.Sprintf("1.%d.%03d", at, i), Path: "/\x80" + strconv.Itoa(i), End: transfer.Closed, Quality: transfer.Exact,
			Opened: transfer.Interval{at, at}, Bytes: transfer.Bytes{Read: r.Int64()},
		}
		if i%3 == 0 {
			t.Closed = transfer.Interval{sec(), sec()}
		}
		m.transfers = append(m.transfers, t)
		open := float64(sec()) + r.Float64()
		m.claims = append(m.claims, &transfer.Claim{
			Run: "r", ID: strconv.Itoa(i), Server: "s", Path: "/p", Opened: open, Outcome: transfer.OK, Asked: transfer.Bytes{Read: 1},
		})
		m.packets = append(m.packets, archive.Packet{
			At: time.Unix(sec(), int64(i)), Remote: "[::1]:\xff", Data: fmt.Appendf(nil, "%d\x00", i), Arrival: r.Int64() * int64(i%2),
		})
	}
	slices.SortFunc(m.transfers, func(a, b *transfer.Transfer) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(m.claims, func(a, b *transfer.Claim) int { return strings.Compare(a.Key(), b.Key()) })
	slices.SortFunc(m.packets, func(a, b archive.Packet) int { return a.At.Compare(b.At) })
	return m
}

// contents is what there is of the days [from, to), as text that can be compared: each
// sample by itself, with its bits.
func (m *model) contents(from, to archive.Day) map[string]string {
	out := make(map[string]string)
	for _, b := range m.blocks {
		for i, v := range b.Values {
			at := begin(b) + int64(i)*b.Step
			if !math.IsNaN(v) && at >= from.From() && at < to.From() {
				out[sampleKey(archive.DayOf(at), b.Path, b.Metric, b.Step, at)] = bits(v)
			}
		}
	}
	in := func(sec int64) bool { return sec >= from.From() && sec < to.From() }
	for _, t := range m.transfers {
		if at := t.Time(); in(at) {
			out[archive.DayOf(at).String()+" transfer "+t.ID] = fmt.Sprintf("%+v", *t)
		}
	}
	for _, c := range m.claims {
		if at := c.Time(); in(at) {
			out[archive.DayOf(at).String()+" claim "+c.Key()] = fmt.Sprintf("%+v %s", *c, bits(c.Opened))
		}
	}
	for _, p := range m.packets {
		if in(p.At.Unix()) {
			out[archive.DayOf(p.At.Unix()).String()+" packet "+string(p.Data)] = fmt.Sprintf("%d %q %d", p.At.UnixNano(), p.Remote, p.Arrival)
		}
	}
	return out
}

func bits(v float64) string { return fmt.Sprintf("%016x", math.Float64bits(v)) }

func sampleKey(day archive.Day, at selector.Path, metric string, step, sec int64) string {
	return fmt.Sprintf("%v sample %q %q %q %q %q %d %d", day, at.Cluster, at.Node, at.Component, at.Sub, metric, step, sec)
}

// read returns what an archive has, in the same form, and what it said of damage.
func read(tb testing.TB, target archive.Target) (out map[string]string, damage []string) {
	tb.Helper()
	out = make(map[string]string)
	put := func(key, value string) {
		if _, ok := out[key]; ok {
			tb.Errorf("%s is there twice", key)
		}
		out[key] = value
	}
	a := archive.Open(target, func(file string, err error) { damage = append(damage, fmt.Sprintf("%s: %v", file, err)) })
	days, err := a.Days(tb.Context())
	fatal(tb, err)
	for _, d := range days {
		for s, err := range a.Series(tb.Context(), d.Day, nil) {
			fatal(tb, err)
			for i, v := range s.Values {
				if at := s.Start + int64(i)*s.Step; !math.IsNaN(v) {
					put(sampleKey(d.Day, s.Path, s.Metric, s.Step, at), bits(v))
				}
			}
		}
		for t, err := range a.Transfers(tb.Context(), d.Day) {
			fatal(tb, err)
			put(d.Day.String()+" transfer "+t.ID, fmt.Sprintf("%+v", *t))
		}
		for c, err := range a.Claims(tb.Context(), d.Day) {
			fatal(tb, err)
			put(d.Day.String()+" claim "+c.Key(), fmt.Sprintf("%+v %s", *c, bits(c.Opened)))
		}
		last := time.Time{}
		for p, err := range a.Packets(tb.Context(), d.Day) {
			fatal(tb, err)
			if p.At.Before(last) {
				tb.Errorf("packet of %v is behind that of %v", p.At, last)
			}
			last = p.At
			put(d.Day.String()+" packet "+string(p.Data), fmt.Sprintf("%d %q %d", p.At.UnixNano(), p.Remote, p.Arrival))
		}
	}
	return out, damage
}

func fatal(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// same compares two contents, and tells little of what differs.
func same(tb testing.TB, what string, got, want map[string]string) {
	tb.Helper()
	told := 0
	tell := func(key string) {
		if told++; told <= 5 {
			g, gok := got[key]
			w, wok := want[key]
			tb.Errorf("%s: %s: got %q %v, want %q %v", what, key, g, gok, w, wok)
		}
	}
	for key, w := range want {
		if g, ok := got[key]; !ok || g != w {
			tell(key)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			tell(key)
		}
	}
	if told > 5 {
		tb.Errorf("%s: … and %d more of %d", what, told-5, len(want))
	}
}

// worker returns one that archives m into a folder.
func worker(m archive.Source, dir string, fsys durable.FS) *archive.Worker {
	cfg := archive.Default()
	cfg.Dir, cfg.After = dir, 0
	return &archive.Worker{
		Config: cfg, Target: &archive.Folder{Dir: dir, FS: fsys}, FS: fsys,
		Source: func() (archive.Source, error) { return m, nil },
		Late:   func(archive.Kind) time.Duration { return time.Hour },
		Unit:   func(metric string) string { return "unit of " + metric },
		Log:    slog.New(slog.DiscardHandler),
	}
}

// after is when the days before day are final.
func after(day archive.Day) time.Time { return time.Unix(day.From(), 0).Add(time.Hour) }

func step(tb testing.TB, w *archive.Worker, now time.Time) {
	tb.Helper()
	fatal(tb, w.Step(tb.Context(), now))
}

func folder(dir string) *archive.Folder { return &archive.Folder{Dir: dir, FS: durable.OS{}} }

func allCodecs() []ocf.Codec { return ocf.Codecs() }
