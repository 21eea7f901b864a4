package validate

// reached is an account in a search, with the cost of the chain to it.
type reached struct {
	account int
	cost    cost
}

func (r reached) less(s reached) bool {
	return r.cost.less(s.cost) || r.cost == s.cost && r.account < s.account
}

// A queue is a heap of what a search reached, cheapest first; among equals the
// account that comes first. container/heap would allocate with every push.
type queue []reached

func (q *queue) push(r reached) {
	h := append(*q, r)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !h[i].less(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	*q = h
}

// pop takes out the cheapest. The queue must not be empty.
func (q *queue) pop() reached {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1].less(h[down]) {
			down++
		}
		if !h[down].less(h[i]) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	*q = h
	return top
}
