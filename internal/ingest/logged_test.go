package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/durable"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
	"tallystick/internal/wal"
)

// A memoryLog is a Log that can be read again, and fails while fail is set.
type memoryLog struct {
	now     func() time.Time
	at      time.Time
	records []kept
	fail    bool
}

type kept struct {
	at      time.Time
	payload []byte
}

// Commit implements ingest.Log.
func (l *memoryLog) Commit(e wal.Entry) error {
	if l.fail {
		return fmt.Errorf("%w: %w", wal.ErrUnavailable, errors.New("no space left"))
	}
	l.Turn(func(at time.Time) {
		l.records = append(l.records, kept{at, bytes.Clone(e.Record())})
		e.Apply(at)
	})
	return nil
}

// Turn implements ingest.Log.
func (l *memoryLog) Turn(f func(at time.Time)) {
	if now := l.now(); now.After(l.at) {
		l.at = now
	}
	f(l.at)
}

// A world is an Ingest with real parts, and its log.
type world struct {
	*fixture
	log       *memoryLog
	collector *collect.Collector
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{log: &memoryLog{}}
	w.fixture = newFixtureOf(tb, ingest.Default(), func(o collect.Output) ingest.Collector {
		w.collector = collect.New(collect.Default(), o)
		return w.collector
	}, ledger.New(ledger.Config{}), store.Config{}, w.log)
	w.log.now = func() time.Time { return w.now }
	return w
}

// everything is all that w has, as text.
func (w *world) everything() []string {
	w.t.Helper()
	out := w.content()
	for _, x := range w.ledger.Transfers(ledger.Filter{}) {
		out = append(out, fmt.Sprintf("transfer %+v %+v", *x, x.Ops))
	}
	for _, x := range w.ledger.Claims(ledger.Filter{}) {
		out = append(out, fmt.Sprintf("claim %s %v %v", x.Key(), x.Opened, x.Closed))
	}
	state, err := w.collector.State()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range slices.Concat(state, w.state()) {
		out = append(out, "state "+string(e))
	}
	for i, line := range out { // a pointer of a transfer is another each time
		if at := bytes.Index([]byte(line), []byte("Ops:0x")); at >= 0 {
			out[i] = line[:at] + line[at+len("Ops:0x")+10:]
		}
	}
	return out
}

// TestReplayIsTheSame: whatever came, lines, packets, claims, frees, the passing of time,
// its records make the same again.
func TestReplayIsTheSame(t *testing.T) {
	run := load(t, "s03_concurrent_users")
	for seed := range uint64(4) {
		w, r := newWorld(t), rand.New(rand.NewPCG(seed, 5))
		w.now = time.Unix(0, int64(run.Packets[0].Time*1e9))
		for sent, i := 0, 0; sent < len(run.Packets); i++ {
			w.now = w.now.Add(time.Duration(r.IntN(700)) * time.Millisecond)
			switch r.IntN(6) {
			case 0:
				w.Step()
			case 1:
				w.Claims(t.Context(), []*transfer.Claim{claimAt(i, w.now), claimAt(i/2, w.now)})
			case 2:
				at := selector.Path{Cluster: "alex", Node: fmt.Sprintf("a%05d", r.IntN(5))}
				if _, err := w.Free(t.Context(), []selector.Path{at}, w.now.Unix()-int64(r.IntN(100_000))); err != nil {
					t.Fatal(err)
				}
			case 3:
				n := min(1+r.IntN(5), len(run.Packets)-sent)
				var ps []collect.Packet
				for _, p := range run.Packets[sent : sent+n] {
					ps = append(ps, collect.Packet{Remote: p.Remote, Data: p.Data})
				}
				sent += n
				w.Packets(t.Context(), ps)
			default:
				w.Lines(t.Context(), someLines(r, w.now), ingest.LineOptions{Message: []string{"", fmt.Sprint("m", i/3)}[r.IntN(2)]})
			}
		}
		again := newWorld(t)
		for _, k := range w.log.records {
			if err := again.Replay(k.at, k.payload); err != nil {
				t.Fatal(err)
			}
		}
		again.now = w.log.at
		w.now = w.log.at
		w.Step()
		again.Step()
		if d := difference(slices.Sorted(slices.Values(w.everything())), slices.Sorted(slices.Values(again.everything()))); d != "" {
			t.Fatalf("seed %d, %d records: + is missing after a replay, - is too much:\n%.3000s", seed, len(w.log.records), d)
		}
	}
}

func claimAt(i int, now time.Time) *transfer.Claim {
	c := claim(fmt.Sprint("id", i), "x:1")
	c.Opened, c.Closed = float64(now.Unix()), float64(now.Unix())+0.25
	return c
}

func someLines(r *rand.Rand, now time.Time) []byte {
	var b bytes.Buffer
	for range 1 + r.IntN(30) {
		fmt.Fprintf(&b, "%s,cluster=alex,hostname=a%05d,type=hwthread,type-id=%d value=%v %d\n", []string{"cpu_load", "xrd_opens"}[r.IntN(2)],
			r.IntN(5), r.IntN(3), []float64{1, 0.25, r.Float64(), -7, 1e300}[r.IntN(5)], now.Unix()-int64(r.IntN(200_000)))
	}
	return b.Bytes()
}

// A log that cannot be written refuses everything, applies nothing, and is over when it
// can be written again.
func TestLogFails(t *testing.T) {
	w := newWorld(t)
	w.log.fail = true
	before := w.everything()
	packet := []collect.Packet{{Remote: "192.0.2.1:1", Data: load(t, "s01_full_reads").Packets[0].Data}}
	for what, r := range map[string]ingest.Result{
		"lines":   w.Lines(t.Context(), lines(3), ingest.LineOptions{}),
		"claims":  w.Claims(t.Context(), []*transfer.Claim{claim("1", "x:1"), claim("2", "x:1"), claim("3", "x:1")}),
		"packets": w.Packets(t.Context(), slices.Repeat(packet, 3)),
	} {
		if r.Accepted != 0 || r.Rejected != 3 || r.Full != 3 || len(r.Errors) != 3 || r.Errors[2].Reason != ingest.ReasonLog || r.Errors[2].Index != 2 {
			t.Errorf("%s: got %s, %d of them for later, want 3 refused", what, result(r), r.Full)
		}
	}
	if _, err := w.Free(t.Context(), []selector.Path{{Cluster: "c", Node: "n"}}, 1); !errors.Is(err, wal.ErrUnavailable) {
		t.Errorf("free: got %v", err)
	}
	if after := w.everything(); !slices.Equal(after, before) {
		t.Errorf("something was applied: %v", after)
	}
	w.log.fail = false
	if r := w.Lines(t.Context(), lines(3), ingest.LineOptions{}); r.Accepted != 3 {
		t.Errorf("afterwards: got %s", result(r))
	}
}

// A message that its broker gives out again counts once: in the same life, after a
// restart from the state, and after a replay.
func TestMessagesOnce(t *testing.T) {
	line := fmt.Appendf(nil, "xrd_opens,cluster=c,hostname=h value=1 %d", noon().Unix())
	w := newWorld(t)
	send := func(w *world, want string) {
		t.Helper()
		if r := w.Lines(t.Context(), line, ingest.LineOptions{Message: "m 1"}); r.Accepted != 1 {
			t.Errorf("got %s, want it accepted", result(r))
		}
		w.want("message", want)
	}
	const once = "c/h xrd_opens 1699999980=1"
	send(w, once)
	send(w, once)
	replayed := newWorld(t)
	for _, k := range w.log.records {
		if err := replayed.Replay(k.at, k.payload); err != nil {
			t.Fatal(err)
		}
	}
	send(replayed, once)
	restored := newWorld(t)
	for _, e := range w.state() {
		if err := restored.Restore(noon(), e); err != nil {
			t.Fatal(err)
		}
	}
	if r := restored.Lines(t.Context(), line, ingest.LineOptions{Message: "m 1"}); r.Accepted != 1 {
		t.Errorf("got %s, want it accepted", result(r))
	}
	restored.want("restored, without its samples")
}

// TestValues sends every kind of double through a record.
func TestValues(t *testing.T) {
	values := []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 1.0 / 3, math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
		1<<53 - 1, 1 << 53, 1<<53 + 2, -(1<<53 - 1), -(1 << 53), 1e15, 255, 256, -256, 65535.5,
	}
	r := rand.New(rand.NewPCG(1, 9))
	for len(values) < 400 {
		if v := math.Float64frombits(r.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v, float64(r.IntN(1000))/100, float64(r.Int64()))
		}
	}
	w := newWorld(t)
	id, _ := w.table.Lookup("cpu_load")
	var b bytes.Buffer
	for i, v := range values {
		fmt.Fprintf(&b, "cpu_load,cluster=c,hostname=h value=%v %d\n", v, noon().Unix()-int64(i)*60)
	}
	if r := w.Lines(t.Context(), b.Bytes(), ingest.LineOptions{}); r.Rejected > 0 {
		t.Fatal(result(r))
	}
	again := newWorld(t)
	if err := again.Replay(w.log.records[0].at, w.log.records[0].payload); err != nil {
		t.Fatal(err)
	}
	got, err := again.store.Read(selector.Path{Cluster: "c", Node: "h"}, id, metric.AggNone, 0, 1<<40)
	if err != nil || len(got.Values) != len(values) {
		t.Fatalf("got %d values, %v, want %d", len(got.Values), err, len(values))
	}
	for i, v := range values {
		if g := got.Values[len(values)-1-i]; math.Float64bits(g) != math.Float64bits(v) {
			t.Errorf("got %x, want %x", math.Float64bits(g), math.Float64bits(v))
		}
	}
}

// TestRecordIsSmall is telemetry: a batch of 10 metrics of each of 40 threads of 20 nodes.
func TestRecordIsSmall(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 1))
	var b bytes.Buffer
	n := 0
	for node := range 20 {
		for thread := range 40 {
			for _, m := range []string{"cpu_load", "mem_used", "xrd_opens"} {
				n++
				fmt.Fprintf(&b, "%s,cluster=alex,hostname=a%05d,type=hwthread,type-id=%d value=%v %d\n", m, node, thread,
					float64(r.IntN(10_000))/100, noon().Unix())
			}
		}
	}
	if r := w.Lines(t.Context(), b.Bytes(), ingest.LineOptions{}); r.Accepted != n {
		t.Fatal(result(r))
	}
	if got := float64(len(w.log.records[0].payload)) / float64(n); got > 14 {
		t.Errorf("a sample takes %.1f bytes in the log, and %d as a line", got, b.Len()/n)
	} else {
		t.Logf("%.1f bytes a sample", got)
	}
}

// FuzzReplay takes whatever comes for a record.
func FuzzReplay(f *testing.F) {
	w := newWorld(f)
	w.Lines(f.Context(), someLines(rand.New(rand.NewPCG(1, 1)), noon()), ingest.LineOptions{Message: "m"})
	w.Claims(f.Context(), []*transfer.Claim{claim("1", "x:1")})
	w.Packets(f.Context(), []collect.Packet{{Remote: "a", Data: load(f, "s01_full_reads").Packets[0].Data}, {Remote: "b", Data: []byte("?")}})
	if _, err := w.Free(f.Context(), []selector.Path{{Cluster: "c", Node: "n"}}, 5); err != nil {
		f.Fatal(err)
	}
	for _, k := range w.log.records {
		f.Add(k.payload)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		w := newWorld(t)
		_ = w.Replay(noon(), record) // an error is an answer too
		_ = ingest.RecordPackets(record, func(collect.Packet) {})
		ingest.RecordClaims(record)
	})
}

// BenchmarkLinesLogged is BenchmarkLines with a log on the disk.
func BenchmarkLinesLogged(b *testing.B) {
	for _, sync := range []wal.Sync{"", wal.Never, wal.Always} {
		b.Run(string("sync="+sync), func(b *testing.B) {
			var log ingest.Log
			if sync != "" {
				log = wal.New(wal.Config{Dir: b.TempDir(), Sync: sync, SegmentBytes: 64 << 20}, durable.OS{}, time.Now, slog.New(slog.DiscardHandler))
			}
			x := newFixtureOf(b, ingest.Default(), silent, ledger.New(ledger.Config{}), store.Config{}, log)
			body := lines(5000)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n += x.Lines(b.Context(), body, ingest.LineOptions{}).Accepted
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}
