//go:build e2e

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus/nats/natstest"
	"tallystick/internal/capture"
	"tallystick/internal/transfer"
)

// TestCrash kills the process at random instants while it is written to in all ways,
// starts it again, and asks for everything that was acknowledged, ever: nothing is lost,
// nothing is there twice, every sample has its 64 bits. CRASH is how many rounds.
func TestCrash(t *testing.T) {
	rounds := 20
	if n, err := strconv.Atoi(os.Getenv("CRASH")); err == nil {
		rounds = n
	}
	c := newCrash(t)
	for c.round = range rounds {
		c.configure()
		c.wave()
	}
	c.finish()
	c.report(rounds)
}

const (
	lastWriters = 3
	linesEach   = 40 // of a batch
	sumEach     = 20 // lines of one slot, in one batch
)

// A crash is one run of the test.
type crash struct {
	t      *testing.T
	r      *rand.Rand
	home   home
	token  string
	broker *natstest.Broker
	js     jetstream.JetStream
	run    *capture.Capture
	base   int64 // Unix second of the first slots
	round  int

	mu                   sync.Mutex
	last                 [lastWriters][]state // by batch
	sums                 []state              // by slot
	stream               int                  // messages that the broker has
	claims               []state
	packets              int // of run that were acknowledged
	freed                []string
	kills, stops, starts int
	ready                []time.Duration
}

// A state is what is known of a batch that was sent.
type state byte

const (
	unknown state = iota // the answer did not come: it may be there, as a whole, or not
	acknowledged
	refused
)

func newCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{
		t: t, r: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)), home: newHome(t), broker: natstest.New(t),
		base: time.Now().Unix() - 500_000, // retention is 7 days
	}
	c.broker.Up()
	var err error
	if c.run, err = capture.Load(capture.Demo(), capture.DemoName); err != nil {
		t.Fatal(err)
	}
	if c.js, err = jetstream.New(c.broker.Client()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "L", Subjects: []string{"lines"}}); err != nil {
		t.Fatal(err)
	}
	c.configure()
	c.token = newToken(t, c.home)
	return c
}

// configure writes the configuration of this round: each has another sync.
func (c *crash) configure() {
	text := strings.NewReplacer("@DIR@", c.home.dir, "@HTTP@", c.home.http, "@UDP@", c.home.udp).Replace(configuration) + fmt.Sprintf(`
metrics:
  crash_last: {step: 1s, fold: last, aggregation: sum}
  crash_sum: {step: 1s, fold: sum, aggregation: sum}
checkpoint: {every: 1s}
wal: {sync: %s, segment_bytes: 100000}
nats:
  urls: [%q]
  retry: 1s
  subscriptions: {lines: {subject: lines, stream: L, cluster: crash}}
`, []string{"always", "interval", "never"}[c.round%3], c.broker.URL())
	if err := os.WriteFile(c.home.config, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// launch starts a process; sometimes one is killed while it restores.
func (c *crash) launch() *process {
	for c.r.IntN(5) == 0 {
		p := launch(c.t, c.home, "serve", "--config", c.home.config)
		time.Sleep(time.Duration(c.r.IntN(60)) * time.Millisecond)
		p.kill()
		c.kills++
	}
	begin := time.Now()
	p := launch(c.t, c.home, "serve", "--config", c.home.config)
	p.token = c.token
	p.waitReady()
	c.ready = append(c.ready, time.Since(begin))
	c.starts++
	return p
}

// wave is a life of a process: what was acknowledged before is there, and then there is
// load until it is killed, or stopped in order.
func (c *crash) wave() {
	p := c.launch()
	c.verify(p)
	ctx, stop := context.WithCancel(c.t.Context())
	var wg sync.WaitGroup
	for w := range lastWriters {
		wg.Go(func() { c.until(ctx, func() { c.writeLast(ctx, p, w) }) })
	}
	wg.Go(func() { c.until(ctx, func() { c.writeSum(ctx, p) }) })
	wg.Go(func() { c.until(ctx, func() { c.publish(ctx) }) })
	wg.Go(func() { c.until(ctx, func() { c.claim(ctx, p) }) })
	wg.Go(func() { c.until(ctx, func() { c.packet(ctx, p) }) })
	wg.Go(func() { c.free(ctx, p) })
	time.Sleep(time.Duration(100+c.r.IntN(1500)) * time.Millisecond)
	if c.round%4 == 3 {
		p.terminate()
		c.stops++
	} else {
		p.kill()
		c.kills++
	}
	stop()
	wg.Wait()
}

func (*crash) until(ctx context.Context, do func()) {
	for ctx.Err() == nil {
		do()
	}
}

// post sends a request and says what became of it.
func (c *crash) post(ctx context.Context, p *process, path string, body []byte) state {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.http+path, bytes.NewReader(body))
	if err != nil {
		return refused
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		time.Sleep(time.Millisecond)
		return unknown
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	switch {
	case res.StatusCode/100 == 2 && !bytes.Contains(text, []byte(`"rejected":`)) || bytes.Contains(text, []byte(`"rejected":0`)):
		return acknowledged
	case err != nil || res.StatusCode >= 500:
		return unknown // it may be cut short by the stop
	}
	c.t.Errorf("%s: %s: %s", path, res.Status, text)
	return refused
}

// value is that of a line of writer w: any 64 bits but those of no number.
func value(w, batch, line int) float64 {
	r := rand.New(rand.NewPCG(uint64(w), uint64(batch*linesEach+line)))
	for {
		if v := math.Float64frombits(r.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
}

// writeLast writes a batch of samples, each with a slot of its own.
func (c *crash) writeLast(ctx context.Context, p *process, w int) {
	c.mu.Lock()
	batch := len(c.last[w])
	c.last[w] = append(c.last[w], unknown)
	c.mu.Unlock()
	var b bytes.Buffer
	for i := range linesEach {
		fmt.Fprintf(&b, "crash_last,cluster=crash,hostname=w%d,type=c,type-id=%d value=%s %d\n",
			w, i, strconv.FormatFloat(value(w, batch, i), 'g', -1, 64), c.base+int64(batch))
	}
	s := c.post(ctx, p, "/api/v1/write", b.Bytes())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[w][batch] = s
}

// writeSum writes a batch of counts of one slot.
func (c *crash) writeSum(ctx context.Context, p *process) {
	c.mu.Lock()
	slot := len(c.sums)
	c.sums = append(c.sums, unknown)
	c.mu.Unlock()
	s := c.post(ctx, p, "/api/v1/write", c.counts("sum", slot))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sums[slot] = s
}

func (c *crash) counts(node string, slot int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "crash_sum,cluster=crash,hostname=%s value=1 %d\n", node, c.base+int64(slot)), sumEach)
}

// publish gives a message to the broker, which gives it out until it is taken.
func (c *crash) publish(ctx context.Context) {
	if _, err := c.js.Publish(ctx, "lines", c.counts("stream", c.stream)); err != nil {
		if ctx.Err() == nil {
			c.t.Error(err)
		}
		// The broker may have it all the same: a slot that nobody counts on.
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream++
	if ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

func (c *crash) claim(ctx context.Context, p *process) {
	c.mu.Lock()
	n := len(c.claims)
	c.claims = append(c.claims, unknown)
	c.mu.Unlock()
	s := c.post(ctx, p, "/api/v1/claims", encode(c.t, []transfer.Claim{{
		Run: "crash", ID: strconv.Itoa(n), Server: "s:1", Path: "/f", Opened: float64(c.base) + 0.1, Outcome: transfer.OK,
		Received: &transfer.Bytes{Read: int64(n)},
	}}))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims[n] = s
}

// packet sends some of the recorded packets, again if it is not known that they came.
func (c *crash) packet(ctx context.Context, p *process) {
	all := c.run.Packets
	if c.packets == len(all) {
		time.Sleep(10 * time.Millisecond)
		return
	}
	n := min(c.packets+2, len(all))
	if c.post(ctx, p, "/api/v1/packets", messages(c.t, all[c.packets:n])) == acknowledged {
		c.packets = n
	}
	time.Sleep(20 * time.Millisecond)
}

func messages(t *testing.T, packets []capture.Packet) []byte {
	t.Helper()
	all, err := capture.Messages(packets)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join(all, []byte("\n"))
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// free writes to a node and frees it.
func (c *crash) free(ctx context.Context, p *process) {
	node := fmt.Sprintf("f%d", c.round)
	line := fmt.Sprintf("crash_last,cluster=crash,hostname=%s value=1 %d\n", node, c.base-10_000)
	if c.post(ctx, p, "/api/v1/write", []byte(line)) != acknowledged {
		return
	}
	time.Sleep(time.Duration(c.round%7) * 200 * time.Millisecond) // a checkpoint may have it
	path := fmt.Sprintf("/api/free?to=%d", c.base-1000)
	if c.post(ctx, p, path, fmt.Appendf(nil, `[["crash",%q]]`, node)) == acknowledged {
		c.freed = append(c.freed, node)
	}
}

// A series is what a query answers.
type series struct {
	Level struct {
		Node      string
		Component struct{ ID string }
	}
	From   int64
	Values []*float64
}

// ask returns the samples of a node, by component.
func (c *crash) ask(p *process, metric, node, level string) map[string]series {
	c.t.Helper()
	body := fmt.Sprintf(`{"from":1,"to":4000000000,"metrics":[%q],"levels":[{"cluster":"crash","node":%q%s}]}`, metric, node, level)
	var out []series
	var answer struct{ Series []series }
	text := p.do(http.MethodPost, "/api/v1/query", "application/json", []byte(body))
	if err := json.Unmarshal(text, &answer); err != nil {
		decode(c.t, text, &out)
	} else {
		out = answer.Series
	}
	m := make(map[string]series)
	for _, s := range out {
		m[s.Level.Component.ID] = s
	}
	return m
}

func (s series) at(t int64) (float64, bool) {
	i := t - s.From
	if i < 0 || i >= int64(len(s.Values)) || s.Values[i] == nil {
		return 0, false
	}
	return *s.Values[i], true
}

// verify asks for all that should be there.
func (c *crash) verify(p *process) {
	c.t.Helper()
	for w := range lastWriters {
		got := c.ask(p, "crash_last", fmt.Sprint("w", w), `,"type":"c","type_id":"*"`)
		for batch, s := range c.last[w] {
			c.verifyBatch(got, w, batch, s)
		}
	}
	sums := c.ask(p, "crash_sum", "sum", "")[""]
	for slot, s := range c.sums {
		v, ok := sums.at(c.base + int64(slot))
		if whole := ok && v == sumEach; s == acknowledged && !whole || s == refused && ok || s == unknown && ok && !whole {
			c.t.Errorf("round %d: slot %d has %v (%v), and was %v: want %d or none", c.round, slot, v, ok, s, sumEach)
		}
	}
	for _, node := range c.freed {
		if got := c.ask(p, "crash_last", node, ""); len(got) > 0 {
			c.t.Errorf("round %d: what was freed of %s is back: %v", c.round, node, got)
		}
	}
	c.verifyClaims(p)
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// verifyBatch looks for a batch, which is there as a whole or not at all.
func (c *crash) verifyBatch(got map[string]series, w, batch int, s state) {
	c.t.Helper()
	n := 0
	for i := range linesEach {
		v, ok := got[strconv.Itoa(i)].at(c.base + int64(batch))
		if want := value(w, batch, i); ok && math.Float64bits(v) != math.Float64bits(want) {
			c.t.Errorf("round %d: writer %d batch %d line %d: got %x, want %x", c.round, w, batch, i, v, want)
		}
		if ok {
			n++
		}
	}
	if s == acknowledged && n != linesEach || n != 0 && n != linesEach {
		c.t.Errorf("round %d: writer %d batch %d, which was %v: got %d lines of %d", c.round, w, batch, s, n, linesEach)
	}
}

func (c *crash) verifyClaims(p *process) {
	c.t.Helper()
	there := make(map[string]int)
	for dec := json.NewDecoder(bytes.NewReader(p.get("/api/v1/claims?run=crash", "application/x-ndjson"))); ; {
		var x transfer.Claim
		if dec.Decode(&x) != nil {
			break
		}
		there[x.ID]++
		if strconv.FormatInt(x.Received.Read, 10) != x.ID {
			c.t.Errorf("claim %s has %d bytes", x.ID, x.Received.Read)
		}
	}
	for n, s := range c.claims {
		if got := there[strconv.Itoa(n)]; s == acknowledged && got != 1 || got > 1 {
			c.t.Errorf("round %d: claim %d is there %d times", c.round, n, got)
		}
	}
}

// finish sends what is left of the packets, waits for the broker's messages, and compares
// with a process that was never killed.
func (c *crash) finish() {
	p := c.launch()
	c.verify(p)
	for c.packets < len(c.run.Packets) {
		c.packet(c.t.Context(), p)
	}
	p.poll(time.Minute, "all messages taken", func() bool {
		cons, err := c.js.Consumer(c.t.Context(), "L", "tallystick-lines")
		if err != nil {
			return false
		}
		info, err := cons.Info(c.t.Context())
		return err == nil && info.NumPending == 0 && info.NumAckPending == 0
	})
	got := c.ask(p, "crash_sum", "stream", "")[""]
	for slot := range c.stream {
		if v, ok := got.at(c.base + int64(slot)); ok && v != sumEach {
			c.t.Errorf("message %d was counted as %v, want %d", slot, v, sumEach)
		}
	}
	if n := len(slices.DeleteFunc(got.Values, func(v *float64) bool { return v == nil })); n < c.stream-c.starts {
		c.t.Errorf("%d of %d messages are there", n, c.stream)
	}
	p.settled("/api/v1/transfers")
	ref := start(c.t, newHome(c.t))
	old := c.token
	c.token = ref.token
	if s := c.post(c.t.Context(), ref, "/api/v1/packets", messages(c.t, c.run.Packets)); s != acknowledged {
		c.t.Errorf("the reference did not take the packets")
	}
	c.token = old
	ref.settled("/api/v1/transfers")
	if a, b := encode(c.t, p.transfers()), encode(c.t, ref.transfers()); !bytes.Equal(a, b) {
		c.t.Errorf("got the transfers\n%s\nwant those of a process that was never killed:\n%s", a, b)
	}
	if a, b := p.samples(), ref.samples(); strings.Count(a, "xrd_") != strings.Count(b, "xrd_") {
		c.t.Errorf("the samples of the transfers differ")
	}
}

func (c *crash) report(rounds int) {
	count := func(list []state) (n int) {
		for _, s := range list {
			if s == acknowledged {
				n++
			}
		}
		return n
	}
	samples := count(c.sums) * sumEach
	for w := range lastWriters {
		samples += count(c.last[w]) * linesEach
	}
	slices.Sort(c.ready)
	c.t.Logf("%d rounds, %d kills, %d stops, %d starts: %d samples, %d claims, %d packets, %d messages acknowledged, all there once; ready after %v (median), %v (most)",
		rounds, c.kills, c.stops, c.starts, samples, count(c.claims), c.packets, c.stream,
		c.ready[len(c.ready)/2].Round(time.Millisecond), c.ready[len(c.ready)-1].Round(time.Millisecond))
}
