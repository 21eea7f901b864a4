package validate

// A search for a chain looks at searchMax accounts, and at searchMin after a
// group took workMax edges in all. What is the best for a claim that would go
// without is only known when everything in reach was looked at, and without
// records for some claims in a sequence of thousands, everything is in reach.
const (
	searchMax = 512
	searchMin = 16
	workMax   = 20_000_000
)

// crowdMax is how many claims that want an account which is taken are searched
// for the best order of all.
const crowdMax = 128

// none is the account of a claim without one, and the claim of an account that
// is free.
const none = -1

// A matching is the way to join a group of least cost.
//
// It is the assignment problem, solved exactly: the claims are taken in one by
// one, each with the cheapest chain of changes that gives it an account,
// "this one takes that account, whose claim takes another, …", which ends at an
// account that is free or at a claim that goes without. Prices on both sides
// keep the reduced costs of all pairs at zero or above, so that Dijkstra's
// search finds the chain, and most chains are one step long. A search that is
// broken off takes the best end that it knows.
type matching struct {
	*group
	mine   []int  // per claim: its account, or none
	owner  []int  // per account: its claim, or none
	claim  []cost // price of each claim
	price  []cost // price of each account, never above zero
	proven []bool // per claim: its price proves that it goes without for good reason
	work   int

	best  []cost // per account: cost of the cheapest chain to it in this search
	from  []int  // per account: the claim before it in that chain
	seen  []int  // per account: the search that reached it last
	done  []int  // per account: the search that settled it last
	looks []int  // the accounts that this search settled
	round int
	queue queue
}

func newMatching(g *group) *matching {
	n, k := len(g.claims), len(g.accounts)
	m := &matching{
		group: g, mine: make([]int, n), owner: make([]int, k), claim: make([]cost, n), price: make([]cost, k),
		proven: make([]bool, n),
		best:   make([]cost, k), from: make([]int, k), seen: make([]int, k), done: make([]int, k),
	}
	for i := range m.mine {
		m.mine[i] = none
	}
	for j := range m.owner {
		m.owner[j] = none
	}
	return m
}

// solve finds the matching of least cost.
func (m *matching) solve() {
	for _, i := range m.start() {
		m.insert(i)
	}
}

// start gives each claim the account that is the cheapest for it, as far as it
// is free, and returns the claims that are left. That is most of the work where
// bytes and times agree, and it leaves the searches to those that are in
// dispute; claim by claim in order, each would push the others along.
func (m *matching) start() (left []int) {
	for i := range m.claims {
		if !m.take(i, func(c, least cost) bool { return c == least }) {
			left = append(left, i)
		}
	}
	if len(left) <= crowdMax {
		return left
	}
	// There is not the time to search for the best order in such a crowd: what
	// is as good in all that is judged will do.
	crowd := left
	left = nil
	for _, i := range crowd {
		if !m.take(i, func(c, least cost) bool { return c.minus(least).tied() }) {
			left = append(left, i)
		}
	}
	return left
}

// take gives claim i the cheapest account that is free and good enough, beside
// the least that any costs.
func (m *matching) take(i int, good func(c, least cost) bool) bool {
	least := unjoined(m.claims[i])
	for _, e := range m.edges[i] {
		if e.cost.less(least) {
			least = e.cost
		}
	}
	pick := none
	var price cost
	for _, e := range m.edges[i] {
		if m.owner[e.account] == none && good(e.cost, least) && (pick == none || e.cost.less(price)) {
			pick, price = e.account, e.cost
		}
	}
	if pick == none {
		return false
	}
	m.mine[i], m.owner[pick], m.claim[i] = pick, i, least
	return true
}

// retry takes claim i, which goes without, in again with more edges.
func (m *matching) retry(i int, more []edge) {
	if len(more) == 0 {
		return
	}
	has := make(map[int]bool, len(m.edges[i]))
	for _, e := range m.edges[i] {
		has[e.account] = true
	}
	for _, e := range more {
		if !has[e.account] {
			m.edges[i] = append(m.edges[i], e)
		}
	}
	m.insert(i)
}

// A stop is where a search ended: at a free account, or at a claim that goes
// without.
type stop struct {
	account, claim int // one of them is none
	cost           cost
	broken         bool // it was broken off, and cost is what it had looked at
}

// insert takes claim i in.
func (m *matching) insert(i int) {
	m.round++
	m.queue, m.looks = m.queue[:0], m.looks[:0]
	m.claim[i] = m.cheapest(i)
	end := m.search(i)
	m.reprice(i, end.cost)
	m.change(i, end)
	if end.claim != none {
		m.proven[end.claim] = !end.broken
	}
}

// cheapest returns what claim i costs at the present prices: the price that it
// starts with.
func (m *matching) cheapest(i int) cost {
	least := unjoined(m.claims[i])
	for _, e := range m.edges[i] {
		if c := e.cost.minus(m.price[e.account]); c.less(least) {
			least = c
		}
	}
	return least
}

// search returns the end of the cheapest chain from claim i.
func (m *matching) search(i int) stop {
	end, free := stop{account: none, claim: none}, stop{account: none, claim: none}
	m.reach(i, cost{}, &end, &free)
	limit := searchMax
	if m.work > workMax {
		limit = searchMin
	}
	for len(m.queue) > 0 {
		next := m.queue.pop()
		if end.cost.less(next.cost) {
			break
		}
		j := next.account
		if m.done[j] == m.round {
			continue
		}
		if len(m.looks) >= limit {
			if free.account != none && free.cost.less(end.cost) {
				end = free
			}
			end.cost, end.broken = next.cost, true
			return end
		}
		m.done[j] = m.round
		m.looks = append(m.looks, j)
		if m.owner[j] == none {
			return stop{account: j, claim: none, cost: next.cost}
		}
		m.reach(m.owner[j], next.cost, &end, &free)
	}
	return end
}

// reach puts what claim i may take into the queue; so far is the cost of the
// chain to it. Going without may be the best end known, and an account that is
// free the best but for that.
func (m *matching) reach(i int, so cost, end, free *stop) {
	if c := so.plus(unjoined(m.claims[i])).minus(m.claim[i]); end.claim == none || c.less(end.cost) {
		*end = stop{account: none, claim: i, cost: c}
	}
	m.work += len(m.edges[i]) + 1
	for _, e := range m.edges[i] {
		j := e.account
		c := so.plus(e.cost).minus(m.claim[i]).minus(m.price[j])
		if m.done[j] == m.round || m.seen[j] == m.round && !c.less(m.best[j]) {
			continue
		}
		m.seen[j], m.best[j], m.from[j] = m.round, c, i
		m.queue.push(reached{j, c})
		if m.owner[j] == none && (free.account == none || c.less(free.cost)) {
			*free = stop{account: j, claim: none, cost: c}
		}
	}
}

// reprice raises and lowers prices so that every chain that was found is free,
// for a search from claim i that ended at the cost.
func (m *matching) reprice(i int, end cost) {
	m.claim[i] = m.claim[i].plus(end)
	for _, j := range m.looks {
		rest := end.minus(m.best[j])
		m.price[j] = m.price[j].minus(rest)
		if o := m.owner[j]; o != none {
			m.claim[o] = m.claim[o].plus(rest)
		}
	}
}

// change carries out the chain of the search from claim i to its end.
func (m *matching) change(i int, end stop) {
	j := end.account
	if j == none {
		if end.claim == i {
			return
		}
		j = m.mine[end.claim]
		m.mine[end.claim] = none
	}
	for {
		by := m.from[j]
		given := m.mine[by]
		m.mine[by], m.owner[j] = j, by
		if by == i {
			return
		}
		j = given
	}
}
