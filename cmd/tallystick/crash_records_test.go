//go:build e2e

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// maxPause is how long a load waits between two requests, at most: so there are
// processors left for the process.
const maxPause = 10 * time.Millisecond

// claims sends claims, some hundred in each run.
type claims struct {
	tally

	r     *rand.Rand
	begin int64
	state []state
	asked int // runs before it have been asked for
}

const claimsOfRun = 500

func newClaims(name string, begin int64, r *rand.Rand) *claims {
	return &claims{tally: tally{name: name + " claims", unit: "claims"}, r: r, begin: begin}
}

func (c *claims) row() *tally { return &c.tally }

func (c *claims) run(n int) string {
	return strings.ReplaceAll(c.name, " ", "-") + "-" + strconv.Itoa(n/claimsOfRun)
}

// claim returns a claim of the server that the packets are of, or of one that nobody knows.
func (c *claims) claim(n int) transfer.Claim {
	opened := float64(c.begin) + float64(n)/8
	return transfer.Claim{
		Run: c.run(n), ID: strconv.Itoa(n), Server: []string{"vm:21094", "nobody:1"}[n%2], Path: "/f" + strconv.Itoa(n),
		Client: "client" + strconv.Itoa(n%10), Opened: opened, Closed: opened + 0.1, Outcome: transfer.OK,
		Received: &transfer.Bytes{Read: int64(n) + 1},
	}
}

func (c *claims) take(n int) (list []transfer.Claim) {
	for range n {
		list = append(list, c.claim(len(c.state)))
		c.state = append(c.state, unknown)
	}
	return list
}

func (c *claims) write(ctx context.Context, s *sender) bool {
	n := 1 + c.r.IntN(20)
	list := c.take(n)
	body, err := json.Marshal(list)
	if err != nil {
		s.t.Error(err)
	}
	got := s.post(ctx, "/api/v1/claims", body, c.r.IntN(3) == 0)
	for i := range n {
		c.state[len(c.state)-n+i] = got
	}
	c.sent(got, n)
	pause(ctx, rand.N(maxPause))
	return got == acknowledged
}

func (c *claims) verify(a *asker, all bool) {
	a.t.Helper()
	first := c.asked
	if all {
		first = 0
	}
	for n := first * claimsOfRun; n < len(c.state); n += claimsOfRun {
		c.verifyRun(a, n)
	}
	if first > 0 {
		c.verifyRun(a, a.r.IntN(first)*claimsOfRun)
	}
	c.asked = len(c.state) / claimsOfRun
}

// verifyRun asks for the claims of the run that claim n begins.
func (c *claims) verifyRun(a *asker, n int) {
	a.t.Helper()
	there := make(map[string][]transfer.Claim)
	for _, x := range entries[transfer.Claim](a.process, "/api/v1/claims?run="+c.run(n)) {
		there[x.ID] = append(there[x.ID], x)
	}
	for ; n < len(c.state); n++ {
		got := there[strconv.Itoa(n)]
		c.verifyClaim(a, n, got)
		if n%claimsOfRun == claimsOfRun-1 {
			return
		}
	}
}

func (c *claims) verifyClaim(a *asker, n int, got []transfer.Claim) {
	a.t.Helper()
	s := &c.state[n]
	switch {
	case len(got) > 1:
		a.wrong(&c.doubled, 1, "claim %d is there %d times", n, len(got))
	case len(got) == 1 && !cmp.Equal(got[0], c.claim(n)):
		a.wrong(&c.wrong, 1, "claim %d is %+v, want %+v", n, got[0], c.claim(n))
	case len(got) == 0 && *s == acknowledged:
		a.wrong(&c.lost, 1, "claim %d is not there", n)
	case len(got) == 1 && *s == refused:
		a.wrong(&c.wrong, 1, "claim %d was refused, and is there", n)
	}
	if *s == unknown {
		*s = refused
		if len(got) > 0 {
			*s = acknowledged
			c.there++
		}
	}
}

// entries returns the lines of an answer.
func entries[T any](p *process, path string) (list []T) {
	p.t.Helper()
	for dec := json.NewDecoder(bytes.NewReader(p.get(path, "application/x-ndjson"))); ; {
		var x T
		switch err := dec.Decode(&x); {
		case errors.Is(err, io.EOF):
			return list
		case err != nil:
			p.t.Fatal(err)
		}
		list = append(list, x)
	}
}

// plays are recorded packets, again and again: each time those of a server that was
// started a minute later.
type plays struct {
	t        *testing.T
	captures []*capture.Capture
	begin    int64
	count    int
	rest     []string // messages of the present play
	sent     []string // that were taken out, in their order
}

func newPlays(t *testing.T, begin int64, names ...string) *plays {
	t.Helper()
	p := &plays{t: t, begin: begin}
	for _, name := range names {
		c, err := capture.Load(os.DirFS("../../internal/capture/testdata"), name)
		if err != nil {
			t.Fatal(err)
		}
		p.captures = append(p.captures, c)
	}
	return p
}

// next takes up to n messages out.
func (p *plays) next(n int) []string {
	if len(p.rest) == 0 {
		p.play()
	}
	n = min(n, len(p.rest))
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	p.sent = append(p.sent, taken...)
	return taken
}

func (p *plays) play() {
	packets := p.captures[p.count%len(p.captures)].Packets
	by := p.begin + int64(p.count)*61 - int64(packets[0].Time)
	p.count++
	moved := make([]capture.Packet, len(packets))
	for i, packet := range packets {
		packet.Data = bytes.Clone(packet.Data)
		if err := xrootd.Shift(packet.Data, by); err != nil && !errors.Is(err, xrootd.ErrText) {
			p.t.Errorf("packet %d: %v", i, err)
		}
		moved[i] = packet
	}
	messages, err := capture.Messages(moved)
	if err != nil {
		p.t.Error(err)
	}
	for _, m := range messages {
		p.rest = append(p.rest, string(m))
	}
}

// httpPackets sends packets as a shoveler does: again, until they are acknowledged.
type httpPackets struct {
	tally

	plays *plays
	again []string
	ids   map[string]bool // of transfers that were there
}

func newHTTPPackets(p *plays) *httpPackets {
	return &httpPackets{tally: tally{name: "http packets", unit: "packets"}, plays: p}
}

func (h *httpPackets) row() *tally { return &h.tally }

func (h *httpPackets) write(ctx context.Context, s *sender) bool {
	if h.again == nil {
		h.again = h.plays.next(1 + rand.IntN(10))
	}
	got := s.post(ctx, "/api/v1/packets", []byte(strings.Join(h.again, "\n")), false)
	h.sent(got, len(h.again))
	if got == acknowledged {
		h.again = nil
	}
	pause(ctx, 3*rand.N(maxPause))
	return got == acknowledged
}

// rest sends what is left of what was begun.
func (h *httpPackets) rest(t *testing.T, s *sender) {
	t.Helper()
	for len(h.again)+len(h.plays.rest) > 0 {
		if !h.write(t.Context(), s) {
			t.Fatal("the packets are not taken")
		}
	}
}

// verify asks whether transfers that were there are there still. What they are is compared
// at the end.
func (h *httpPackets) verify(a *asker, all bool) {
	a.t.Helper()
	if !all {
		return
	}
	now := make(map[string]bool)
	for _, x := range entries[transfer.Transfer](a.process, "/api/v1/transfers") {
		if now[x.ID] {
			a.wrong(&h.doubled, 1, "transfer %s is there twice", x.ID)
		}
		now[x.ID] = true
	}
	for id := range h.ids {
		if !now[id] {
			a.wrong(&h.lost, 1, "transfer %s was there, and is not", id)
		}
	}
	h.ids = now
}

// frees writes to old blocks of nodes, frees them, and writes there again, each at some
// time: there may be checkpoints, kills and restarts in between, or none.
type frees struct {
	tally

	r     *rand.Rand
	begin int64
	nodes []stage
}

// A stage is what was done with a node.
type stage int

const (
	untold stage = iota // no answer came: it may have anything
	written
	freed
	again // written to, after it was freed
)

func newFrees(begin int64, r *rand.Rand) *frees {
	return &frees{tally: tally{name: "free", unit: "steps"}, r: r, begin: begin}
}

func (f *frees) row() *tally { return &f.tally }

// pick returns a node that has not come to its end, one of all or one of the last, or a new one.
func (f *frees) pick() int {
	if all := len(f.nodes); all > 0 && f.r.IntN(3) > 0 {
		n := all - 1 - f.r.IntN([]int{all, min(5, all)}[f.r.IntN(2)])
		if f.nodes[n] == written || f.nodes[n] == freed {
			return n
		}
	}
	f.nodes = append(f.nodes, untold)
	return len(f.nodes) - 1
}

func (f *frees) write(ctx context.Context, s *sender) bool {
	n := f.pick()
	next := f.nodes[n] + 1
	f.nodes[n] = untold
	got := f.step(ctx, s, n, next)
	if f.sent(got, 1); got == acknowledged {
		f.nodes[n] = next
	}
	pause(ctx, 3*rand.N(maxPause))
	return got == acknowledged
}

// step brings a node to a stage. The samples are all in one block of each metric.
func (f *frees) step(ctx context.Context, s *sender, n int, to stage) state {
	if to == freed {
		return s.post(ctx, fmt.Sprintf("/api/free?to=%d", f.begin+4096), fmt.Appendf(nil, `[["free","f%d"]]`, n), false)
	}
	value, late := 1, f.begin
	if to == again {
		value, late = 2, f.begin+1
	}
	return s.post(ctx, "/api/v1/write", fmt.Appendf(nil, "crash_last,cluster=free,hostname=f%d value=%d %d\ncrash_sum,cluster=free,hostname=f%d value=%d %d\n",
		n, value, late, n, value, f.begin), false)
}

func (f *frees) verify(a *asker, _ bool) {
	a.t.Helper()
	has := map[stage][3]float64{written: {1, 0, 1}, freed: {}, again: {0, 2, 2}}
	all := a.ask("free", false, f.begin-4096, f.begin+8192)
	for n, stage := range f.nodes {
		want, known := has[stage]
		got := f.there(all, "f"+strconv.Itoa(n))
		switch {
		case !known || got == want:
		case got[0]+got[1]+got[2] > want[0]+want[1]+want[2]:
			a.wrong(&f.doubled, 1, "node %d, stage %d: what was freed is back: got %v, want %v", n, stage, got, want)
		default:
			a.wrong(&f.lost, 1, "node %d, stage %d: got %v, want %v", n, stage, got, want)
		}
	}
}

// there returns the samples of a node: what was written first, what was written after the
// free, and the sum of both.
func (f *frees) there(all map[place]*series, node string) (out [3]float64) {
	out[0], _ = all[place{"crash_last", node, ""}].at(f.begin)
	out[1], _ = all[place{"crash_last", node, ""}].at(f.begin + 1)
	out[2], _ = all[place{"crash_sum", node, ""}].at(f.begin)
	return out
}

// reader asks while others write.
type reader struct{}

func (*reader) row() *tally { return &tally{} }

func (*reader) write(ctx context.Context, s *sender) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/query",
		strings.NewReader(`{"from":1,"to":4000000000,"levels":[{"cluster":"fresh","node":"n1"},{"cluster":"sum","node":"*"}]}`))
	if err != nil {
		s.t.Error(err)
		return false
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	pause(ctx, 5*rand.N(maxPause))
	return err == nil
}

func (*reader) verify(*asker, bool) {}
