package collect_test

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// recorder is an Output that adds up.
type recorder struct {
	transfers map[string]*transfer.Transfer
	samples   map[collect.Sample]float64 // by the sample without its value
	servers   map[string]collect.Server
	reopened  []string // transfers told as open after they were told as ended
	lost      map[transfer.LossOf]int64
	losses    []transfer.Loss // packets and records
	lives     map[string]transfer.Life
	habits    map[string]transfer.Habits // of lives
	events    map[string]transfer.Event
	balances  map[string][]transfer.Balance // by server
}

func newRecorder() *recorder {
	return &recorder{
		transfers: map[string]*transfer.Transfer{},
		samples:   map[collect.Sample]float64{},
		servers:   map[string]collect.Server{},
		lost:      map[transfer.LossOf]int64{},
		lives:     map[string]transfer.Life{},
		habits:    map[string]transfer.Habits{},
		events:    map[string]transfer.Event{},
		balances:  map[string][]transfer.Balance{},
	}
}

func (r *recorder) Transfer(t *transfer.Transfer) {
	if was := r.transfers[t.ID]; was != nil && was.End != transfer.Open && t.End == transfer.Open {
		r.reopened = append(r.reopened, t.ID)
	}
	r.transfers[t.ID] = t
}

func (r *recorder) Sample(s collect.Sample) {
	v := s.Value
	s.Value = 0
	r.samples[s] += v
}

func (r *recorder) Server(s collect.Server) { r.servers[s.Name] = s }

func (r *recorder) Loss(l transfer.Loss) {
	r.lost[l.Of] += l.Count
	if l.Of != transfer.IDs {
		r.losses = append(r.losses, l)
	}
}

func (r *recorder) Event(e transfer.Event) { r.events[e.ID] = e }

func (r *recorder) Balance(b transfer.Balance) {
	r.balances[b.Server] = append(r.balances[b.Server], b)
}

// Life forgets when the life was heard of, which is another time in another order.
func (r *recorder) Life(l transfer.Life) {
	h := l.Habits
	h.First, h.IdentEvery = 0, 0
	r.habits[l.ID()] = h
	l.Heard, l.Habits = 0, transfer.Habits{}
	r.lives[l.ID()] = l
}

// An arrival is a datagram with the time when it came.
type arrival struct {
	at time.Time
	collect.Packet
}

func load(tb testing.TB, name string) *capture.Capture {
	tb.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func arrivals(c *capture.Capture) []arrival {
	var as []arrival
	for _, p := range c.Packets {
		at := time.Unix(0, int64(p.Time*1e9))
		as = append(as, arrival{at, collect.Packet{Remote: p.Remote, Data: p.Data}})
	}
	return as
}

// play feeds as to a new collector as time goes by, and lets it finish.
func play(t *testing.T, as []arrival) *recorder {
	t.Helper()
	r := newRecorder()
	c := collect.New(collect.Default(), r)
	feed(t, c, as)
	rest(c, as)
	return r
}

// rest lets time go by after as.
func rest(c *collect.Collector, as []arrival) {
	end := as[len(as)-1].at
	c.Advance(end.Add(time.Hour))
	c.Advance(end.Add(time.Hour + time.Minute)) // what is found out above is told of the life
}

func feed(t *testing.T, c *collect.Collector, as []arrival) {
	t.Helper()
	now := as[0].at
	for _, a := range as {
		for now.Before(a.at) {
			c.Advance(now)
			now = now.Add(time.Second)
		}
		if err := c.Packet(a.at, a.Packet); err != nil {
			t.Errorf("packet from %s: %v", a.Remote, err)
		}
	}
}

// jumble delays each datagram by up to 5 s.
func jumble(as []arrival, seed uint64) []arrival {
	rng := rand.New(rand.NewPCG(seed, 0))
	out := slices.Clone(as)
	for i := range out {
		out[i].at = out[i].at.Add(time.Duration(rng.Int64N(int64(5 * time.Second))))
	}
	slices.SortStableFunc(out, func(a, b arrival) int { return a.at.Compare(b.at) })
	return out
}

// double repeats each datagram, up to 20 s later.
func double(as []arrival, seed uint64) []arrival {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := slices.Clone(as)
	for _, a := range as {
		a.at = a.at.Add(time.Duration(rng.Int64N(int64(20 * time.Second))))
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b arrival) int { return a.at.Compare(b.at) })
	return out
}

// again plays all of as a second time, an hour later.
func again(as []arrival) []arrival {
	out := slices.Clone(as)
	for _, a := range as {
		a.at = a.at.Add(time.Hour)
		out = append(out, a)
	}
	return out
}

// at once has all datagrams arrive in one instant.
func atOnce(as []arrival) []arrival {
	out := slices.Clone(as)
	for i := range out {
		out[i].at = as[0].at
	}
	return out
}

func captures() []string {
	return []string{
		"s01_full_reads", "s02_partial_vector", "s03_concurrent_users", "s05_failures_names",
		"s06_killed_longlived", "s08_restart", "s12_gstream", "s14_configs",
		"l01_two_sessions", "l02_infos_wrap", "l03_redirects",
	}
}

// byFile returns the transfers by "<stod>.<file>@<port of the server>", which is
// what the reference decoder's rows have.
func byFile(r *recorder) map[string]*transfer.Transfer {
	out := map[string]*transfer.Transfer{}
	for _, t := range r.transfers {
		_, rest, _ := cutAt(t.ID, '.')
		_, port, _ := cutLast(t.Server, ':')
		out[rest+"@"+port] = t
	}
	return out
}

func cutAt(s string, c byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == c {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func cutLast(s string, c byte) (before, after string, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == c {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func sessionKey(s *capture.Session) string {
	return strconv.FormatInt(s.Stod, 10) + "." + strconv.FormatUint(uint64(s.FileID), 10) + "@" + strconv.Itoa(s.Port)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
