package validate

import (
	"slices"

	"tallystick/internal/transfer"
)

// apply joins what the matching found, and says which claims are ambiguous.
func (m *matching) apply() {
	for i, j := range m.mine {
		if j != none {
			join := "fields"
			if slices.Contains(m.accounts[j].ids, m.claims[i]) {
				join = "id"
			}
			m.claims[i].add(m.accounts[j], join)
		}
	}
	m.markAmbiguous()
}

// A result is what a claim's verdict depends on.
type result struct {
	joined, blank bool
	bytes         transfer.Bytes
}

func (m *matching) result(j int) result {
	if j == none {
		return result{}
	}
	a := m.accounts[j]
	if a.blank {
		return result{joined: true, blank: true}
	}
	return result{joined: true, bytes: a.Bytes}
}

// A class is what makes claims interchangeable.
type class struct {
	outcome transfer.Outcome
	known   bool
	bytes   transfer.Bytes
}

func classOf(c *claim) class {
	k := class{outcome: c.Outcome, known: c.known != nil}
	if k.known {
		k.bytes = *c.known
	}
	return k
}

// markAmbiguous finds the claims to which an equally good solution gives
// another result.
//
// Another solution differs from this one by chains of changes that cost
// nothing. A chain that runs in a circle only permutes the same accounts among
// the same claims: the order of opening has decided that, see cost. A chain
// that lets a claim or an account in and another out is what makes a result
// open, unless the claims on it are alike: which of sixty equal reads the four
// are that have no account changes nothing in the report. So a claim is
// ambiguous if it can get a result that no claim like it has in this solution.
//
// Claims that went without because a search was broken off are not looked at.
func (m *matching) markAmbiguous() {
	options := m.options()
	if options == nil {
		return
	}
	type seen struct {
		class
		result
	}
	has := make(map[seen]bool)
	for i, c := range m.claims {
		has[seen{classOf(c), m.result(m.mine[i])}] = true
	}
	for i, c := range m.claims {
		if c.Outcome != transfer.OK {
			continue // its verdict is its own failure
		}
		open := false
		for _, j := range options[i] {
			open = open || !has[seen{classOf(c), m.result(j)}]
		}
		if open {
			c.candidates = m.candidates(i, options[i])
		}
	}
}

// candidates returns the accounts of the options of claim i and its own, with
// nil for none.
func (m *matching) candidates(i int, options []int) map[*account]bool {
	set := make(map[*account]bool)
	for _, j := range append(options, m.mine[i]) {
		if j == none {
			set[nil] = true
		} else {
			set[m.accounts[j]] = true
		}
	}
	return set
}

// options returns for each claim the accounts, or none, that it has instead of
// its own in an equally good solution with other claims or accounts left over.
// It is nil if there is no such solution.
func (m *matching) options() [][]int {
	tight := make([][]int, len(m.claims))
	for i, c := range m.claims {
		if m.mine[i] != none && unjoined(c).minus(m.claim[i]).tied() {
			tight[i] = append(tight[i], none)
		}
		for _, e := range m.edges[i] {
			if e.account != m.mine[i] && e.cost.minus(m.claim[i]).minus(m.price[e.account]).tied() {
				tight[i] = append(tight[i], e.account)
			}
		}
	}
	from, to := m.movable(tight), m.settled(tight)
	out := make([][]int, len(m.claims))
	found := false
	for i := range m.claims {
		if !from[i] {
			continue
		}
		for _, j := range tight[i] {
			if j == none || m.owner[j] == none || to[m.owner[j]] {
				out[i] = append(out[i], j)
				found = true
			}
		}
	}
	if !found {
		return nil
	}
	return out
}

// movable tells the claims that a chain can reach which began by leaving an
// account free, or by taking in a claim without one.
func (m *matching) movable(tight [][]int) []bool {
	reached := make([]bool, len(m.claims))
	var next []int
	add := func(i int) {
		if !reached[i] {
			reached[i] = true
			next = append(next, i)
		}
	}
	for i, j := range m.mine {
		if j == none && m.proven[i] || j != none && m.price[j].tied() {
			add(i)
		}
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		for _, j := range tight[i] {
			if j != none && m.owner[j] != none {
				add(m.owner[j])
			}
		}
	}
	return reached
}

// settled tells the claims from which a chain can come to its end: at a free
// account, or by a claim going without.
func (m *matching) settled(tight [][]int) []bool {
	before := make([][]int, len(m.claims))
	reached := make([]bool, len(m.claims))
	var next []int
	for i := range m.claims {
		for _, j := range tight[i] {
			if j != none && m.owner[j] != none {
				before[m.owner[j]] = append(before[m.owner[j]], i)
			} else if !reached[i] {
				reached[i] = true
				next = append(next, i)
			}
		}
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		for _, b := range before[i] {
			if !reached[b] {
				reached[b] = true
				next = append(next, b)
			}
		}
	}
	return reached
}
