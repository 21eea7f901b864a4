package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/durable"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
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

type kept = wal.Record

// Commit implements ingest.Log.
func (l *memoryLog) Commit(e wal.Entry) error {
	if l.fail {
		return fmt.Errorf("%w: %w", wal.ErrUnavailable, errors.New("no space left"))
	}
	l.Turn(func(at time.Time) {
		r := kept{At: at, Payload: bytes.Clone(e.Record())}
		r.Undone = bytes.Clone(e.Apply(at))
		l.records = append(l.records, r)
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
		out = append(out, "transfer "+asJSON(w.t, x))
	}
	for _, x := range w.ledger.Claims(ledger.Filter{}) {
		out = append(out, "claim "+asJSON(w.t, x))
	}
	saved := w.saved()
	for _, e := range slices.Concat(saved[0], saved[1]) {
		out = append(out, "state "+string(e))
	}
	return out
}

// saved is the state of ingest and collector of one instant.
func (w *world) saved() (state [2][][]byte) {
	w.t.Helper()
	w.Pause(func() {
		for part, of := range []interface{ State() ([][]byte, error) }{w, w.collector} {
			var err error
			if state[part], err = of.State(); err != nil {
				w.t.Fatal(err)
			}
		}
	})
	return state
}

// restored returns a world with what w has, as a checkpoint would bring it back.
func (w *world) restored() *world {
	w.t.Helper()
	again := newWorld(w.t)
	for b := range w.store.Blocks() {
		if err := again.store.Restore(b); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, x := range w.ledger.Transfers(ledger.Filter{}) {
		again.ledger.PutTransfer(x)
	}
	for _, c := range w.ledger.Claims(ledger.Filter{}) {
		if _, err := again.ledger.PutClaim(c); err != nil {
			w.t.Fatal(err)
		}
	}
	of := [2]func(time.Time, []byte) error{again.Restore, again.collector.Restore} // in the order of a start
	for part, entries := range w.saved() {
		for _, e := range entries {
			if err := of[part](w.log.at, e); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return again
}

// traffic is what comes in TestReplayIsTheSame.
type traffic struct {
	*world
	rand    *rand.Rand
	packets []capture.Packet
	n       int
}

// one does one thing of all that may come.
func (x *traffic) one() {
	x.t.Helper()
	x.n++
	x.now = x.now.Add(time.Duration(x.rand.IntN(700)) * time.Millisecond)
	switch ctx := x.t.Context(); x.rand.IntN(7) {
	case 0:
		for range x.rand.IntN(20) { // nothing comes for a while
			x.now = x.now.Add(time.Second)
			x.Step()
		}
	case 1:
		x.Claims(ctx, []*transfer.Claim{claimAt(x.n, x.now), claimAt(x.n/2, x.now)})
	case 2:
		at := selector.Path{Cluster: "alex", Node: fmt.Sprintf("a%05d", x.rand.IntN(5))}
		if _, err := x.Free(ctx, []selector.Path{at}, x.now.Unix()-int64(x.rand.IntN(100_000))); err != nil {
			x.t.Fatal(err)
		}
	case 3, 4:
		n := min(1+x.rand.IntN(5), len(x.packets))
		var ps []collect.Packet
		for _, p := range x.packets[:n] {
			ps = append(ps, collect.Packet{Remote: p.Remote, Data: p.Data})
		}
		x.packets = x.packets[n:]
		x.Packets(ctx, ps)
	default:
		x.Lines(ctx, someLines(x.rand, x.now), ingest.LineOptions{Message: []ingest.Message{{}, {Source: "m", Number: uint64(x.n / 3)}}[x.rand.IntN(2)]})
	}
}

// TestReplayIsTheSame: whatever came, lines, packets, claims, frees, the passing of time,
// its records make the same again, from the beginning and from what was saved at any time.
func TestReplayIsTheSame(t *testing.T) {
	for _, name := range []string{"s03_concurrent_users", "s05_failures_names", "s08_restart"} {
		packets := load(t, name).Packets
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 5))
			w := newWorld(t)
			w.now = seconds(packets[0].Time)
			x := traffic{world: w, rand: r, packets: packets}
			from := map[int]*world{0: newWorld(t)} // by how many records they have
			for len(x.packets) > 0 {
				x.one()
				if r.IntN(20) == 0 {
					from[len(w.log.records)] = w.restored()
				}
			}
			for cut, again := range from {
				for _, k := range w.log.records[cut:] {
					if err := again.Replay(k); err != nil {
						t.Fatal(err)
					}
				}
				again.now = w.now
				again.Step()
				w.Step()
				want, got := w.everything(), again.everything()
				if cut > 0 {
					want, got = withoutEnded(want), withoutEnded(got)
				}
				if !slices.Equal(got, want) {
					d := difference(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got)))
					t.Fatalf("%s, seed %d, from record %d of %d: + is missing after a replay, - is too much:\n%.3000s", name, seed, cut, len(w.log.records), d)
				}
				again.wantCount("tallystick_ingest_replayed_total", "", float64(len(w.log.records)-cut))
			}
		}
	}
}

// withoutEnded leaves out when files of a collector ended: one that got its state back
// looks at those of a life that is over a few seconds sooner, and keeps them for an hour
// from then. What it tells of them is the same.
func withoutEnded(all []string) (out []string) {
	ended := regexp.MustCompile(`"Ended":"[^"]*","Until"`)
	for _, line := range all {
		out = append(out, ended.ReplaceAllString(line, `"Until"`))
	}
	return out
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
			r.IntN(5), r.IntN(3), []float64{1, 0.25, r.Float64(), -7, 1e308}[r.IntN(5)], now.Unix()-int64(r.IntN(200_000)))
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
		if r := w.Lines(t.Context(), line, ingest.LineOptions{Message: ingest.Message{Source: "m", Number: 1}}); r.Accepted != 1 {
			t.Errorf("got %s, want it accepted", result(r))
		}
		w.want("message", want)
	}
	const once = "c/h xrd_opens 1699999980=1"
	send(w, once)
	send(w, once)
	replayed := newWorld(t)
	for _, k := range w.log.records {
		if err := replayed.Replay(k); err != nil {
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
	if r := restored.Lines(t.Context(), line, ingest.LineOptions{Message: ingest.Message{Source: "m", Number: 1}}); r.Accepted != 1 {
		t.Errorf("got %s, want it accepted", result(r))
	}
	restored.want("restored, without its samples")
}

// onDisk is a log in a folder.
func onDisk(tb testing.TB, sync wal.Sync) *wal.Log {
	tb.Helper()
	cfg := wal.Config{Dir: tb.TempDir(), Sync: sync, SegmentBytes: 64 << 20}
	return wal.New(cfg, durable.OS{}, noon, slog.New(slog.DiscardHandler))
}

// Packets cost no memory on their way through the log.
func TestPacketsLoggedAllocs(t *testing.T) {
	x := newFixtureOf(t, ingest.Default(), silent, ledger.New(ledger.Config{}), store.Config{}, onDisk(t, wal.Never))
	var ps []collect.Packet
	for n, p := range load(t, "s03_concurrent_users").Packets {
		ps = append(ps, collect.Packet{Remote: fmt.Sprint("192.0.2.1:", n%7), Data: p.Data})
	}
	least := math.Inf(1) // the race detector has the pools lose some
	for range 20 {
		least = min(least, testing.AllocsPerRun(1, func() { x.Packets(t.Context(), ps) }))
	}
	if least > 0 {
		t.Errorf("got %v allocations for %d packets, want none", least, len(ps))
	}
}

// BenchmarkLinesLogged is BenchmarkLines with a log on the disk, and without.
func BenchmarkLinesLogged(b *testing.B) {
	for _, sync := range []wal.Sync{"", wal.Never, wal.Always} {
		b.Run("sync="+string(sync), func(b *testing.B) {
			var log ingest.Log
			if sync != "" {
				log = onDisk(b, sync)
			}
			x := newFixtureOf(b, ingest.Default(), silent, ledger.New(ledger.Config{}), store.Config{}, log)
			body := lines(5000)
			x.Lines(b.Context(), body, ingest.LineOptions{}) // makes the levels
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
