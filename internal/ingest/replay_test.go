package ingest_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// A run is an Ingest with real parts whose log is on the disk, from a start to a crash.
type run struct {
	*fixture
	dir       string
	log       *wal.Log
	collector *collect.Collector
}

// newRun begins with a log in a folder; without one it keeps nothing.
func newRun(tb testing.TB, dir string) *run {
	tb.Helper()
	x := &run{dir: dir}
	var log ingest.Log
	if dir != "" {
		cfg := wal.Config{Dir: dir, Sync: wal.Never, SegmentBytes: 64 << 10}
		x.log = wal.New(cfg, durable.OS{}, func() time.Time { return x.now }, slog.New(slog.DiscardHandler))
		log = x.log
		x.fixture = &fixture{now: noon()} // the log is asked for the time before there is another
	}
	cfg := learning(50)
	x.fixture = newFixtureOf(tb, cfg, func(o collect.Output) ingest.Collector {
		x.collector = collect.New(collect.Default(), o)
		return x.collector
	}, ledger.New(ledger.Config{}), store.Config{}, log)
	if err := x.table.SetLearn(cfg.Learn.Metrics()); err != nil {
		tb.Fatal(err)
	}
	return x
}

// A saved is what a checkpoint keeps of a run.
type saved struct {
	at        time.Time
	segment   int // of the log, from which on it has what came afterwards
	blocks    []store.BlockAt
	transfers []*transfer.Transfer
	claims    []*transfer.Claim
	ingest    [][]byte
	collector [][]byte
}

// save makes a copy of what x has, all of one instant.
func (x *run) save() *saved {
	x.t.Helper()
	var s saved
	var errs [3]error
	x.log.Turn(func(at time.Time) { // as Pause, with the time
		s.at = at
		s.segment, errs[0] = x.log.Cut()
		s.ingest, errs[1] = x.State()
		s.collector, errs[2] = x.collector.State()
		for b := range x.store.Blocks() {
			c := *b
			c.Sealed = slices.Clone(b.Sealed)
			s.blocks = append(s.blocks, c)
		}
		s.transfers, s.claims = x.ledger.Transfers(ledger.Filter{}), x.ledger.Claims(ledger.Filter{})
	})
	for _, err := range errs {
		if err != nil {
			x.t.Fatal(err)
		}
	}
	return &s
}

// restore gives x what was saved, in the order of a start.
func (x *run) restore(s *saved) {
	x.t.Helper()
	for i := range s.blocks {
		if err := x.store.Restore(&s.blocks[i]); err != nil {
			x.t.Fatal(err)
		}
	}
	for _, t := range s.transfers {
		x.ledger.FillTransfer(t)
	}
	for _, c := range s.claims {
		x.ledger.FillClaim(c)
	}
	for _, e := range s.ingest {
		if err := x.Restore(s.at, e); err != nil {
			x.t.Fatal(err)
		}
	}
	for _, e := range s.collector {
		if err := x.collector.Restore(s.at, e); err != nil {
			x.t.Fatal(err)
		}
	}
	got := [2][][]byte{x.stateOf(x.State), x.stateOf(x.collector.State)}
	if want := [2][][]byte{s.ingest, s.collector}; len(s.ingest) > 0 && !reflect.DeepEqual(got, want) {
		x.t.Errorf("the state is\n%s\nafter it was restored from\n%s", got, want)
	}
}

func (x *run) stateOf(part func() ([][]byte, error)) (state [][]byte) {
	x.t.Helper()
	x.Pause(func() {
		var err error
		if state, err = part(); err != nil {
			x.t.Fatal(err)
		}
	})
	return state
}

// replay applies the log of a folder from a segment on, and returns how many records it had.
func (x *run) replay(dir string, from int) (records int) {
	x.t.Helper()
	damaged := func(d wal.Damage) { x.t.Error(d) }
	for r, err := range wal.Read(durable.OS{}, dir, from, 0, damaged) {
		if err != nil {
			x.t.Fatal(err)
		}
		if err := x.Replay(r); err != nil {
			x.t.Fatal(err)
		}
		records++
	}
	return records
}

// exactly is all that x has, to the bit, in a fixed order.
func (x *run) exactly() []string {
	x.t.Helper()
	var out []string
	for b := range x.store.Blocks() {
		var line strings.Builder
		fmt.Fprint(&line, "block ", b.Path, " ", b.Metric, " ", b.Step, " ", b.Index)
		for slot, v := range b.Values {
			if !math.IsNaN(v) {
				fmt.Fprintf(&line, " %d=%x", slot, math.Float64bits(v))
			}
		}
		out = append(out, line.String())
	}
	add := func(what string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			x.t.Fatal(err)
		}
		out = append(out, what+" "+string(text))
	}
	for _, t := range x.ledger.Transfers(ledger.Filter{}) {
		add("transfer", t)
		out = append(out, fmt.Sprintf("transfer %s is told as %d, %d", t.ID, t.Sequence, t.Revision))
	}
	for _, c := range x.ledger.Claims(ledger.Filter{}) {
		add("claim", c)
	}
	for what, of := range map[string]func() ([][]byte, error){"collector": x.collector.State, "ingest": x.State} {
		for n, e := range x.stateOf(of) {
			out = append(out, fmt.Sprintf("%s %05d %s", what, n, e))
		}
	}
	slices.Sort(out)
	return out
}

// A sender sends a run whatever there is to send, one thing after the other.
type sender struct {
	*run
	rand    *rand.Rand
	packets []capture.Packet // that are left
	claims  []*transfer.Claim
	last    []collect.Packet // that were sent
	n       int
}

func newSender(x *run, seed uint64, captures ...string) *sender {
	x.t.Helper()
	s := &sender{run: x, rand: rand.New(rand.NewPCG(seed, 11))}
	for _, name := range captures {
		c := load(x.t, name)
		for n, p := range c.Packets {
			if n%9 != 4 { // the others are lost
				s.packets = append(s.packets, p)
			}
		}
		s.claims = append(s.claims, capture.Claims(name, c.Truth)...)
	}
	s.now = seconds(s.packets[len(s.packets)-1].Time) // no claim is of the future
	return s
}

// one sends one thing.
func (s *sender) one() {
	s.t.Helper()
	s.n++
	s.now = s.now.Add(time.Duration(s.rand.IntN(1500)-100) * time.Millisecond) // a clock may be set back
	switch s.rand.IntN(8) {
	case 0:
		s.wait()
	case 1:
		s.claim()
	case 2:
		s.free()
	case 3, 4, 5:
		s.packet()
	default:
		s.lines()
	}
}

// wait lets time pass, with somebody who calls Step or without.
func (s *sender) wait() {
	steps := s.rand.IntN(2) == 0
	for range s.rand.IntN(30) {
		s.now = s.now.Add(700 * time.Millisecond)
		if steps {
			s.Step()
		}
	}
}

// claim sends some claims, of which the second may be there already, and the last
// contradicts one that is.
func (s *sender) claim() {
	if len(s.claims) == 0 {
		return
	}
	c := s.claims[s.rand.IntN(len(s.claims))]
	twice, other := *c, *s.claims[s.rand.IntN(len(s.claims))]
	other.Path += "?\u2028<&>"
	s.Claims(s.t.Context(), []*transfer.Claim{c, &twice, nil, claimAt(s.n, s.now), &other})
}

func (s *sender) free() {
	levels := s.store.Levels(func(p selector.Path) bool { return p.Node != "" && s.rand.IntN(20) == 0 })
	if _, err := s.Free(s.t.Context(), levels, s.now.Unix()-s.rand.Int64N(200_000)); err != nil {
		s.t.Fatal(err)
	}
}

// packet sends the next packets, with some that came just before, or are none.
func (s *sender) packet() {
	var ps []collect.Packet
	for range 1 + s.rand.IntN(6) {
		if len(s.packets) > 0 {
			ps = append(ps, collect.Packet{Remote: s.packets[0].Remote, Data: s.packets[0].Data})
			s.packets = s.packets[1:]
		}
	}
	if s.rand.IntN(4) == 0 {
		ps = append(ps, collect.Packet{Remote: "192.0.2.9:1", Data: []byte("no packet")}, collect.Packet{})
	}
	if s.rand.IntN(4) == 0 {
		ps = append(ps, s.last...)
	}
	s.last = ps
	s.Packets(s.t.Context(), ps)
}

// lines sends lines with one field or several, some of which are learned, of which one
// or two are wrong, and messages of which some come again.
func (s *sender) lines() {
	var b bytes.Buffer
	for range 1 + s.rand.IntN(40) {
		value := []any{s.rand.IntN(9), s.rand.NormFloat64(), float64(s.rand.IntN(10_000)) / 100, -1e308, "x"}[s.rand.IntN(5)]
		fmt.Fprintf(&b, "%s,hostname=h%d,type=%s,type-id=%d,unit=u value=%v,m%d=%d %d\n",
			[]string{"cpu_load", "mem_used", "xrd_opens", "new"}[s.rand.IntN(4)], s.rand.IntN(6), []string{"core", "node"}[s.rand.IntN(2)],
			s.rand.IntN(3), value, s.rand.IntN(4), s.n, s.now.Unix()-s.rand.Int64N(30)*10_000)
	}
	o := ingest.LineOptions{Cluster: "c", Fields: ingest.AllFields}
	if s.rand.IntN(2) == 0 {
		o.Message = ingest.Message{Source: "message", Number: s.rand.Uint64N(1 + uint64(s.n/4))}
	}
	if s.rand.IntN(8) == 0 {
		o.Cluster, o.Fields = "d", ingest.ValueField // all are refused: the log gets nothing
	}
	s.Lines(s.t.Context(), b.Bytes(), o)
}

// A log on the disk makes again what was there, to the bit, from the beginning and from
// whatever was saved. What is not in the log, refused things and the calls of Step,
// makes no difference.
func TestReplayFromDisk(t *testing.T) {
	var lost int
	for seed := range uint64(5) {
		x := newRun(t, t.TempDir())
		captures := [][]string{{"s01_full_reads", "s05_failures_names"}, {"s03_concurrent_users"}, {"s08_restart", "s02_partial_vector"}}[seed%3]
		s := newSender(x, seed, captures...)
		all := []*saved{{}} // the first has nothing
		for len(s.packets) > 0 {
			s.one()
			if s.rand.IntN(25) == 0 {
				all = append(all, s.save())
			}
		}
		s.Step()
		want := s.exactly()
		lost += len(s.ledger.Losses("", math.MinInt64, math.MaxInt64))
		for n, from := range all {
			again := newRun(t, "")
			again.restore(from)
			records := again.replay(x.dir, from.segment)
			again.now = s.now
			again.Step()
			got := again.exactly()
			if n > 0 {
				got, want = withoutEnded(got), withoutEnded(want)
			}
			if d := difference(got, want); d != "" {
				t.Fatalf("seed %d, save %d of %d, %d records after it: - is missing after a replay, + is too much:\n%.3000s", seed, n, len(all), records, d)
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was lost, so that it is not known whether a replay tells it")
	}
}

// Many who write at the same time, into the same slots, leave a log that has their order.
func TestReplayOfManyWriters(t *testing.T) {
	x := newRun(t, t.TempDir())
	c := load(t, "s01_full_reads")
	x.now = seconds(c.Packets[len(c.Packets)-1].Time)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 3))
			for n := range 60 {
				at := x.now.Unix() - int64(r.IntN(300))
				body := fmt.Appendf(nil, "cpu_load,host=h value=%d %d\nxrd_opens,host=h value=0.%d %d\nl%d,host=h value=%d\n", n, at, w+1, at, n%20, w)
				x.Lines(t.Context(), body, ingest.LineOptions{Cluster: "c", Message: ingest.Message{Source: "m", Number: uint64(n)}}) // one of the four counts
				x.Claims(t.Context(), []*transfer.Claim{claimAt(n, x.now)})
				for p := w; p < len(c.Packets); p += 4 {
					if p/4%60 == n {
						x.Packets(t.Context(), []collect.Packet{{Remote: c.Packets[p].Remote, Data: c.Packets[p].Data}})
					}
				}
				if _, err := x.Free(t.Context(), []selector.Path{{Cluster: "c", Node: "h"}}, at-int64(r.IntN(40_000))); err != nil {
					t.Error(err)
				}
				x.Step()
			}
		})
	}
	writers.Wait()
	again := newRun(t, "")
	again.now = x.now
	again.replay(x.dir, 0)
	again.Step()
	if d := difference(again.exactly(), x.exactly()); d != "" {
		t.Errorf("- is missing after a replay, + is too much:\n%.3000s", d)
	}
}

// A body that is longer than what is committed at once is several records, each of which
// can be read alone.
func TestReplayOfLongBody(t *testing.T) {
	const n = 1<<15 + 1000
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "cpu_load,cluster=c,hostname=h%d value=%d %d\n", i/10_000, i, noon().Unix()-int64(i)*60)
	}
	for message, records := range map[ingest.Message]int{{}: 2, {Source: "m"}: 1} {
		x := newRun(t, t.TempDir())
		if r := x.Lines(t.Context(), b.Bytes(), ingest.LineOptions{Message: message}); r.Accepted != n {
			t.Fatal(result(r))
		}
		again := newRun(t, "")
		if got := again.replay(x.dir, 0); got != records {
			t.Errorf("message %v: got %d records, want %d", message, got, records)
		}
		if d := difference(again.exactly(), x.exactly()); d != "" {
			t.Errorf("message %v: - is missing after a replay, + is too much:\n%.1000s", message, d)
		}
		last := newRun(t, "")
		segments, err := wal.Segments(durable.OS{}, x.dir)
		if err != nil {
			t.Fatal(err)
		}
		last.replay(x.dir, segments[len(segments)-1])
		samples := 0
		for _, line := range last.content() {
			samples += strings.Count(line, "=")
		}
		if want := map[ingest.Message]int{{}: 1000, {Source: "m"}: n}[message]; samples != want {
			t.Errorf("message %v: the last record alone has %d samples, want %d", message, samples, want)
		}
	}
}

// A log costs lines of known keys no memory: neither their record nor its turn. What is
// left is that of the decoder.
func TestLinesLoggedAllocs(t *testing.T) {
	f := func(name string, body []byte, o ingest.LineOptions) {
		t.Helper()
		least := func(dir string) float64 {
			x := newRun(t, dir)
			if r := x.Lines(t.Context(), body, o); r.Rejected > 0 { // makes the levels, and the segment
				t.Fatal(result(r))
			}
			least := math.Inf(1) // the race detector has the pools lose some
			for range 20 {
				least = min(least, testing.AllocsPerRun(1, func() { x.Lines(t.Context(), body, o) }))
			}
			return least
		}
		if got, want := least(t.TempDir()), least(""); got != want || got > 8 {
			t.Errorf("%s: got %v allocations, without a log %v", name, got, want)
		}
	}
	f("1000 lines", lines(1000), ingest.LineOptions{})
	f("1 line", lines(1), ingest.LineOptions{})
	f("several fields", bytes.ReplaceAll(lines(1000), []byte(" value="), []byte(" value=1,value=2,value=")), ingest.LineOptions{Fields: ingest.AllFields})
}

// What the store refuses of a body does not stop what comes after it, then and in a replay.
func TestReplayOfRefused(t *testing.T) {
	x := newRun(t, t.TempDir())
	body := fmt.Appendf(nil, "xrd_opens,host=h value=1e308 %d\nxrd_opens,host=h value=1e308 %[1]d\ncpu_load,host=h value=1 %[1]d\n", noon().Unix())
	o := ingest.LineOptions{Cluster: "c", Message: ingest.Message{Source: "m", Number: 7}}
	for range 2 { // to send it again does not help
		x.Lines(t.Context(), body, o)
	}
	again := newRun(t, "")
	again.replay(x.dir, 0)
	for _, x := range []*run{x, again} {
		x.want("refused", "c/h cpu_load 1699999980=1", "c/h xrd_opens 1699999980=1e+308")
	}
}

// A message that comes again after very many others is known.
func TestMessagesAreRemembered(t *testing.T) {
	const many = 100_000
	line := fmt.Appendf(nil, "xrd_opens,cluster=c,hostname=h value=1 %d", noon().Unix())
	w := newWorld(t)
	for n := range uint64(many) {
		w.Lines(t.Context(), line, ingest.LineOptions{Message: ingest.Message{Source: "s", Number: n}})
	}
	restored, again := newWorld(t), newWorld(t)
	state := w.state()
	for _, e := range state {
		if err := restored.Restore(noon(), e); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range w.log.records {
		if err := again.Replay(k); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []*world{w, restored, again} {
		before := len(w.content())
		for _, m := range []ingest.Message{{Source: "s"}, {Source: "s", Number: 5}, {Source: "s", Number: many - 1}} {
			w.Lines(t.Context(), line, ingest.LineOptions{Message: m})
		}
		if got := len(w.content()); got != before {
			t.Errorf("got %d series, had %d", got, before)
		}
		w.Lines(t.Context(), line, ingest.LineOptions{Message: ingest.Message{Source: "other", Number: 5}})
	}
	w.want("messages", fmt.Sprint("c/h xrd_opens 1699999980=", many+1))
	restored.want("restored", "c/h xrd_opens 1699999980=1")
	again.want("replayed", fmt.Sprint("c/h xrd_opens 1699999980=", many+1))
	if size := len(slices.Concat(state...)); size > 500 {
		t.Errorf("the state has %d bytes", size)
	}
}

// Of the sources of messages, that which has been silent longest is forgotten.
func TestMessageSourcesAreBounded(t *testing.T) {
	const known = 1024
	line := fmt.Appendf(nil, "xrd_opens,cluster=c,hostname=h value=1 %d", noon().Unix())
	w := newWorld(t)
	send := func(n int) {
		w.Lines(t.Context(), line, ingest.LineOptions{Message: ingest.Message{Source: strconv.Itoa(n), Number: 1}})
	}
	for n := range known {
		send(n)
	}
	send(known) // 0 gives way
	send(1)
	w.want("before", fmt.Sprint("c/h xrd_opens 1699999980=", known+1))
	send(0) // is new again, and 1 gives way, which was not counted
	w.want("after", fmt.Sprint("c/h xrd_opens 1699999980=", known+2))
}

// crowded is a body of which a small store has room for the first lines: a sum, a line
// that is wrong, and more nodes than fit.
func crowded() []byte {
	b := fmt.Appendf(nil, "xrd_opens,cluster=c,hostname=h value=1 %d\nbad\n", noon().Unix())
	for n := range 4000 {
		b = fmt.Appendf(b, "xrd_opens,cluster=c,hostname=h%d value=1 %d\n", n, noon().Unix())
	}
	return b
}

const small = 600_000 // bytes: for some of crowded

// What was refused for want of room is told, and a restart does not take it after all: its
// sender sends it again.
func TestRefusedStaysRefused(t *testing.T) {
	body := crowded()
	log := &memoryLog{now: noon}
	f := newFixtureOf(t, ingest.Default(), silent, ledger.New(ledger.Config{}), store.Config{MaxBytes: small}, log)
	r := f.Lines(t.Context(), body, ingest.LineOptions{})
	if r.Accepted < 100 || r.Full < 100 || r.Accepted+r.Full != 4001 {
		t.Fatalf("got %s, %d for later, want some of each", result(r), r.Full)
	}
	roomy := newRun(t, "")
	for _, k := range log.records {
		if err := roomy.Replay(k); err != nil {
			t.Error(err)
		}
	}
	if d := difference(roomy.content(), f.content()); d != "" {
		t.Errorf("after a replay with more room, - is missing and + is too much:\n%.1000s", d)
	}
}

// A message of which some found no room comes again, and that is taken then, and nothing
// twice: in one life, after a restart from the state, and after one from the log.
func TestMessageWithoutRoom(t *testing.T) {
	body := crowded()
	o := ingest.LineOptions{Message: ingest.Message{Source: "m", Number: 1}}
	log := &memoryLog{now: noon}
	f := newFixtureOf(t, ingest.Default(), silent, ledger.New(ledger.Config{}), store.Config{MaxBytes: small}, log)
	first := f.Lines(t.Context(), body, o)
	second := f.Lines(t.Context(), body, o)
	if first.Full == 0 || second.Full != first.Full || second.Accepted != first.Accepted {
		t.Fatalf("got %s, and then %s", result(first), result(second))
	}
	replayed, restored := newRun(t, ""), newRun(t, "")
	for _, k := range log.records {
		if err := replayed.Replay(k); err != nil {
			t.Error(err)
		}
	}
	for _, e := range f.state() {
		if err := restored.Restore(noon(), e); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []*run{replayed, restored} {
		if r := x.Lines(t.Context(), body, o); r.Accepted != 4001 || r.Rejected != 1 {
			t.Errorf("got %s, want all but one accepted", result(r))
		}
	}
	all := replayed.content()
	if len(all) != 4001 || slices.ContainsFunc(all, func(s string) bool { return !strings.HasSuffix(s, "=1") }) {
		t.Errorf("got %d series, the first %s, want 4001 with a one each", len(all), all[0])
	}
	if got := len(restored.content()); got != first.Full {
		t.Errorf("the state lets %d be taken, want %d", got, first.Full)
	}
}

// What a start has no room for is told, and taken when its message comes again.
func TestReplayWithoutRoom(t *testing.T) {
	w := newWorld(t)
	o := ingest.LineOptions{Message: ingest.Message{Source: "m", Number: 1}}
	w.Lines(t.Context(), crowded(), o)
	log := &memoryLog{now: noon}
	full := newFixtureOf(t, ingest.Default(), silent, ledger.New(ledger.Config{}), store.Config{MaxBytes: small}, log)
	for _, k := range w.log.records {
		if err := full.Replay(k); !errors.Is(err, store.ErrFull) {
			t.Errorf("got error %v, want that it is full", err)
		}
	}
	had := len(full.content())
	if r := full.Lines(t.Context(), crowded(), o); r.Accepted != had || r.Full != 4001-had {
		t.Errorf("got %s, want %d accepted, which were taken", result(r), had)
	}
}

// A message counts once, also if one life took it, the next one has it from a
// checkpoint, and the one after that from the log.
func TestMessageOnceInThreeLives(t *testing.T) {
	line := fmt.Appendf(nil, "xrd_opens,cluster=c,hostname=h value=1 %d", noon().Unix())
	first := newRun(t, t.TempDir())
	send := func(x *run, source string) {
		t.Helper()
		if r := x.Lines(t.Context(), line, ingest.LineOptions{Message: ingest.Message{Source: source, Number: 1}}); r.Accepted != 1 {
			t.Errorf("got %s, want it accepted", result(r))
		}
	}
	send(first, "a")
	from := first.save()
	send(first, "a")
	send(first, "b")
	for range 2 {
		next := newRun(t, first.dir)
		next.restore(from)
		next.replay(first.dir, from.segment)
		send(next, "a")
		send(next, "b")
		next.want("life", "c/h xrd_opens 1699999980=2")
	}
	last := newRun(t, "")
	last.replay(first.dir, 0)
	last.want("all of the log", "c/h xrd_opens 1699999980=2")
}

// The names of servers lead where they did, though several have the same: in the state
// that ingest keeps, and when the collector has told of all it knows once more.
func TestRestoreOfSharedNames(t *testing.T) {
	f := func(what, name string, servers ...collect.Server) {
		t.Helper()
		x, y := newFixture(t, ingest.Default(), silent), newFixture(t, ingest.Default(), silent)
		for _, s := range servers {
			x.out.Server(s)
		}
		for _, e := range x.state() {
			if err := y.Restore(noon(), e); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(servers, func(a, b collect.Server) int { return cmp.Compare(a.SID, b.SID) })
		for _, s := range servers {
			y.out.Server(s)
		}
		if got, want := y.state(), x.state(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the state is\n%s\nwant\n%s", what, got, want)
		}
		for _, x := range []*fixture{x, y} {
			x.Claims(t.Context(), []*transfer.Claim{claim("1", name)})
			if got := x.content(); len(got) == 0 || !strings.HasPrefix(got[0], "new/") {
				t.Errorf("%s: got %q, want the samples at the new one", what, got)
			}
		}
	}
	for _, sids := range [][2]uint64{{1, 2}, {2, 1}} {
		f("one name", "a:1", collect.Server{SID: sids[0], Site: "old", Name: "a:1"}, collect.Server{SID: sids[1], Site: "new", Name: "a:1"})
		f("one alias", "10.0.0.1:1",
			collect.Server{SID: sids[0], Site: "old", Name: "a:1", Names: []string{"10.0.0.1:1", "a:1"}},
			collect.Server{SID: sids[1], Site: "new", Name: "b:1", Names: []string{"10.0.0.1:1", "b:1"}})
		f("an alias of others", "b:1",
			collect.Server{SID: sids[0], Site: "new", Name: "b:1"},
			collect.Server{SID: sids[1], Site: "old", Name: "a:1", Names: []string{"b:1"}})
	}
}
