//go:build e2e

package main_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// TestCrash kills the process at random instants while it is written to in all ways,
// starts it again in the same folder, and asks for everything that was acknowledged, ever:
// nothing is lost, nothing is there twice, every sample has its 64 bits. What was under way
// is there as a whole or not at all.
//
// CRASH is how many rounds; CRASH_SEED repeats the choices of a run, if not its instants.
// After a failure the data folder is kept, as it was found.
func TestCrash(t *testing.T) {
	c := newCrash(t, number("CRASH_SEED", time.Now().UnixNano()))
	for c.round = range int(number("CRASH", 25)) {
		if !t.Run(fmt.Sprintf("%03d", c.round), c.life) {
			break
		}
	}
	if !t.Failed() {
		t.Run("end", c.end)
	}
	t.Log("\n" + c.table())
}

// hold is how long the process waits for what belongs together: longer than the broker
// takes to give out again what a kill, or several, kept from being acknowledged.
const hold = 15 * time.Second

func number(variable string, instead int64) int64 {
	if n, err := strconv.ParseInt(os.Getenv(variable), 10, 64); err == nil {
		return n
	}
	return instead
}

// A crash is one run of the test.
type crash struct {
	seed   int64
	r      *rand.Rand
	home   home
	token  string
	stream *stream
	loads  []load
	http   *httpPackets
	heard  []*plays // of packets, in the order in which they go to the reference
	round  int

	ends  map[string]int // of lives, by how
	ready []time.Duration
	whole []time.Duration // until all samples were back
}

// A load writes in one way, and knows what must be there.
type load interface {
	// write sends something and notes what became of it. It returns false when there is
	// nobody to send to any more.
	write(ctx context.Context, s *sender) bool
	// verify asks for what must be there: for all of it, or for what is new and some of the
	// rest. What was not known to be there is known then.
	verify(a *asker, all bool)
	// row is what the table says of it.
	row() *tally
}

func newCrash(t *testing.T, seed int64) *crash {
	t.Helper()
	c := &crash{
		seed: seed, r: rand.New(rand.NewPCG(uint64(seed), 1)), home: newHome(t), stream: newStream(t), ends: make(map[string]int),
	}
	t.Logf("CRASH_SEED=%d", seed)
	now := time.Now().Unix()
	day := int64(24 * 3600)
	c.http = newHTTPPackets(newPlays(t, now-5*day, "s03_concurrent_users", "s01_full_reads", "s05_failures_names"))
	bus := newPlays(t, now-5*day, "l01_two_sessions")
	c.heard = []*plays{c.http.plays, bus}
	c.loads = []load{
		newCells("fresh", now-2*day, inOrder(), c.rand()), newCells("fresh2", now-2*day, inOrder(), c.rand()),
		newCells("late", now-4*day, scattered(), c.rand()),
		newRewrite(now-3*day, c.rand()),
		newSums("sum", now-4*day, c.rand()), newSums("sum2", now-day, c.rand()),
		newClaims("http", now-5*day, c.rand()), c.http,
		newFrees(now-4*day, c.rand()),
		newStreamSums(c.stream, now-2*day, c.rand()), newStreamPackets(c.stream, bus),
		newStreamClaims(c.stream, now-5*day, c.rand()), &reader{},
	}
	c.configure(t)
	c.token = newToken(t, c.home)
	return c
}

// rand returns chance for a load of its own.
func (c *crash) rand() *rand.Rand { return rand.New(rand.NewPCG(c.r.Uint64(), 2)) }

// configure writes the configuration of this round: each has another sync, checkpoints and
// segments of other sizes.
func (c *crash) configure(t *testing.T) {
	t.Helper()
	pick := func(from ...string) string { return from[c.r.IntN(len(from))] }
	text := strings.NewReplacer("@DIR@", c.home.dir, "@HTTP@", c.home.http, "@UDP@", c.home.udp, "hold: 3s", "hold: "+hold.String()).Replace(configuration) +
		fmt.Sprintf(`
metrics:
  crash_last: {step: 1s, fold: last, aggregation: sum}
  crash_sum: {step: 1s, fold: sum, aggregation: sum}
checkpoint: {every: %s, log_bytes: %s}
wal: {sync: %s, interval: 100ms, segment_bytes: %s}
nats:
  urls: [%q]
  retry: 1s
  subscriptions:
    lines: {subject: lines, stream: CRASH, cluster: stream}
    packets: {kind: packets, subject: packets, stream: CRASH}
    claims: {kind: claims, subject: claims, stream: CRASH}
`, pick("1s", "2s", "3s"), pick("200000", "1000000000"), []string{"always", "interval", "never"}[c.round%3],
			pick("20000", "200000", "64000000"), c.stream.broker.URL())
	if err := os.WriteFile(c.home.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// life is a life of a process: what was acknowledged before is there, and then it is
// written to until it is killed, or stopped in order.
func (c *crash) life(t *testing.T) {
	c.configure(t)
	p := c.launch(t)
	c.verify(t, p, c.round%10 == 9)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := newSender(t, p)
	var wg sync.WaitGroup
	for _, l := range c.loads {
		wg.Go(func() {
			for ctx.Err() == nil && l.write(ctx, s) {
			}
		})
	}
	c.finish(ctx, p, s)
	stop()
	wg.Wait()
}

// verify has all loads ask for what must be there.
func (c *crash) verify(t *testing.T, p *process, all bool) {
	t.Helper()
	for _, l := range c.loads {
		l.verify(&asker{process: p, r: c.r, row: l.row()}, all)
	}
	if t.Failed() {
		c.keep(t)
		t.FailNow()
	}
}

// keep copies the data folder to where it is not removed.
func (c *crash) keep(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tallystick-crash-") //nolint:usetesting // it shall stay
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(c.home.dir))
	}
	t.Logf("the data folder is kept in %s (%v)", dir, err)
}

// launch starts a process and waits until all is back. Sometimes others are killed before
// that, while they restore.
func (c *crash) launch(t *testing.T) *process {
	t.Helper()
	for c.round > 0 && c.r.IntN(4) == 0 {
		p := launch(t, c.home, "serve", "--config", c.home.config)
		pause(t.Context(), rand.N(c.typical()*3/2))
		p.kill()
		c.ends["killed while it restored"]++
	}
	begin := time.Now()
	p := launch(t, c.home, "serve", "--config", c.home.config)
	p.token = c.token
	p.await("ready to take in", func(body string) bool { return strings.Contains(body, `"ready":true`) })
	c.ready = append(c.ready, time.Since(begin))
	p.await("all back", func(body string) bool { return !strings.Contains(body, "samples_since") })
	c.whole = append(c.whole, time.Since(begin))
	return p
}

// typical is how long a start takes.
func (c *crash) typical() time.Duration {
	sorted := slices.Sorted(slices.Values(c.whole))
	return sorted[len(sorted)/2]
}

// end waits for what the broker has, verifies everything, and compares what became of the
// packets and claims with a process that was never killed.
func (c *crash) end(t *testing.T) {
	p := c.launch(t)
	c.http.rest(t, newSender(t, p))
	c.verify(t, p, true)
	ref := start(t, newHome(t))
	same := newSender(t, ref)
	for _, plays := range c.heard {
		same.all(t, "/api/v1/packets", plays.sent)
	}
	same.all(t, "/api/v1/claims", slices.Collect(strings.Lines(string(p.get("/api/v1/claims", "application/x-ndjson")))))
	pause(t.Context(), hold+3*time.Second) // nothing waits any more
	compare(t, "transfers", string(p.get("/api/v1/transfers", "application/x-ndjson")), string(ref.get("/api/v1/transfers", "application/x-ndjson")))
	compare(t, "samples of transfers and claims", p.samples(), ref.samples())
	compare(t, "the report", string(p.get("/api/v1/validation", "application/json")), string(ref.get("/api/v1/validation", "application/json")))
	if t.Failed() {
		c.keep(t)
	}
	p.terminate()
}

// compare tells the first difference of two long texts.
func compare(t *testing.T, what, got, want string) {
	t.Helper()
	t.Logf("%s: %d bytes, %d lines", what, len(want), strings.Count(want, "\n"))
	if len(want) < 100 {
		t.Errorf("%s of a process that was never killed: only %q", what, want)
	}
	if got == want {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, i-300):min(len(s), i+300)] }
	t.Errorf("%s: %d bytes, want the %d of a process that was never killed; the first difference is at %d:\ngot  …%s…\nwant …%s…",
		what, len(got), len(want), i, cut(got), cut(want))
}

// table is what the run came to.
func (c *crash) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d rounds, CRASH_SEED=%d\n", c.round+1, c.seed)
	for _, how := range slices.Sorted(maps.Keys(c.ends)) {
		fmt.Fprintf(w, "%d %s\n", c.ends[how], how)
	}
	slices.Sort(c.ready)
	slices.Sort(c.whole)
	if n := len(c.ready); n > 0 {
		fmt.Fprintf(w, "ready to take in after %v (median), %v (longest)\n", round(c.ready[n/2]), round(c.ready[n-1]))
	}
	if n := len(c.whole); n > 0 {
		fmt.Fprintf(w, "all back after %v (median), %v (longest)\n", round(c.whole[n/2]), round(c.whole[n-1]))
	}
	fmt.Fprintf(w, "\t\tacknowledged\tunder way\tof these there\tlost\tdoubled\twrong\n")
	for _, l := range c.loads {
		if r := l.row(); r.name != "" {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", r.name, r.unit, r.acknowledged, r.unknown, r.there, r.lost, r.doubled, r.wrong)
		}
	}
	w.Flush()
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
