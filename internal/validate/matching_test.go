package validate

// From within the package: what is solved here is not to be seen from outside,
// only that it is a good solution.

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"tallystick/internal/transfer"
)

// randomGroup makes a group with few different bytes and times, so that ties
// are common.
func randomGroup(r *rand.Rand, n, k int) *group {
	g := &group{edges: make([][]edge, n)}
	for i := range n {
		c := &transfer.Claim{Run: "r", ID: strconv.Itoa(i), Outcome: transfer.OK, Opened: float64(i)}
		if r.IntN(6) == 0 {
			c.Outcome = transfer.Failed
		}
		c.Received = &transfer.Bytes{Read: r.Int64N(3) * 10}
		c.PID = r.IntN(3)
		g.claims = append(g.claims, newClaim(c))
	}
	for j := range k {
		x := &transfer.Transfer{ID: fmt.Sprint("1.1.", j), End: transfer.Closed, Quality: transfer.Exact}
		x.Bytes.Read = r.Int64N(3) * 10
		x.PID = r.IntN(3)
		a := newAccount(x)
		a.about = int64(j) * 1000
		g.accounts = append(g.accounts, a)
	}
	for i := range n {
		for j := range k {
			if r.IntN(3) > 0 {
				c := costOf(g.claims[i], g.accounts[j], 0)
				c[3] += r.Int64N(2)
				g.edges[i] = append(g.edges[i], edge{j, c})
			}
		}
	}
	return g
}

// everyWay calls f with every way to join g and its cost.
func everyWay(g *group, f func(mine []int, c cost)) {
	mine := make([]int, len(g.claims))
	taken := make([]bool, len(g.accounts))
	var at func(i int, c cost)
	at = func(i int, c cost) {
		if i == len(g.claims) {
			f(mine, c)
			return
		}
		mine[i] = none
		at(i+1, c.plus(unjoined(g.claims[i])))
		for _, e := range g.edges[i] {
			if !taken[e.account] {
				mine[i], taken[e.account] = e.account, true
				at(i+1, c.plus(e.cost))
				taken[e.account] = false
			}
		}
	}
	at(0, cost{})
}

func (m *matching) total() (c cost) {
	for i, j := range m.mine {
		if j == none {
			c = c.plus(unjoined(m.claims[i]))
		}
		for _, e := range m.edges[i] {
			if e.account == j {
				c = c.plus(e.cost)
			}
		}
	}
	return c
}

// Ensure that no way to join a group is cheaper than the one that is found, and
// that a claim is called ambiguous only if another way, as good in all that is
// judged, gives it another result.
func TestMatchingAgainstEveryWay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ambiguous := 0
	for round := range 3000 {
		g := randomGroup(r, 1+r.IntN(5), 1+r.IntN(5))
		m := newMatching(g)
		m.solve()
		got := m.total()
		results := make([]map[result]bool, len(g.claims))
		for i := range results {
			results[i] = make(map[result]bool)
		}
		everyWay(g, func(mine []int, c cost) {
			if c.less(got) {
				t.Fatalf("round %d: cost %v, but %v costs %v", round, got, mine, c)
			}
			if c.minus(got).tied() {
				for i, j := range mine {
					results[i][m.result(j)] = true
				}
			}
		})
		m.apply()
		for i, c := range g.claims {
			if c.candidates == nil {
				continue
			}
			ambiguous++
			if len(results[i]) < 2 || c.Outcome != transfer.OK {
				t.Fatalf("round %d: claim %d is ambiguous, but its result is always %v", round, i, results[i])
			}
		}
	}
	if ambiguous == 0 {
		t.Error("no claim was ambiguous: the test shows nothing")
	}
	t.Logf("%d ambiguous", ambiguous)
}

// Ensure that work is bounded, and that what is over the bound is joined as
// well as it can be.
func TestMatchingBroken(t *testing.T) {
	g := randomGroup(rand.New(rand.NewPCG(3, 4)), 60, 50)
	m := newMatching(g)
	m.work = workMax + 1
	m.solve()
	m.apply()
	used := make(map[int]bool)
	unproven := 0
	for i, j := range m.mine {
		if j == none {
			if !m.proven[i] {
				unproven++
			}
			continue
		}
		if used[j] || m.owner[j] != i {
			t.Errorf("account %d is used twice", j)
		}
		used[j] = true
	}
	if len(used) < 48 || unproven == 0 {
		t.Errorf("%d of 50 accounts used, %d claims unproven", len(used), unproven)
	}
}
