package validate

import (
	"math"
	"slices"

	"tallystick/internal/transfer"
)

// A Bin is one slot of time of a report: what moved in it as the clients tell, and as
// the monitoring does. All bytes are of all kinds together.
//
// Of a claim, only the beginning and the end are known; its bytes count as if they had
// moved evenly between. So do those of a transfer between each two times that its server
// told how far it was: its opening, its progress records, its closing. Closes has all
// bytes of a transfer in the bin where its close record says that it ended, which is how
// rates are made of such records nearly everywhere: beside Monitored it shows what that
// does to a plot.
type Bin struct {
	At        int64 `json:"at"`        // Unix seconds: its first
	Claimed   int64 `json:"claimed"`   // moved as clients tell
	Monitored int64 `json:"monitored"` // moved as the monitoring tells
	Closes    int64 `json:"closes"`    // of the transfers that were closed
}

// binsMax is how many bins a report has at most: more than a plot has points.
const binsMax = 240

// steps are the lengths that bins have if none is asked for, in seconds.
func steps() []int64 { return []int64{1, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 86400} }

// A moving is some bytes that moved between two times.
type moving struct {
	of       pair
	from, to float64
	bytes    int64
	add      func(b *Bin, n int64)
}

func claimed(b *Bin, n int64)   { b.Claimed += n }
func monitored(b *Bin, n int64) { b.Monitored += n }
func closes(b *Bin, n int64)    { b.Closes += n }

// bins puts what rows tell into bins of the step, or of one that suits the time that
// they span.
func (r *Report) bins(rows []row, step int64) {
	r.Bins, r.Slots = []Bin{}, []Slots{}
	moves := movings(rows)
	first, last := math.Inf(1), math.Inf(-1)
	for _, m := range moves {
		first, last = min(first, m.from), max(last, m.to)
	}
	if len(moves) == 0 {
		return
	}
	from, to := int64(first), int64(last)
	r.Step = stepFor(from, to, step)
	from -= from % r.Step
	for at := from; at <= to; at += r.Step {
		r.Bins = append(r.Bins, Bin{At: at})
	}
	for _, m := range moves {
		m.spread(r.Bins, r.Step)
	}
	r.Slots = slotsOf(moves, r.Bins, r.Step)
}

// stepFor returns the wanted step, or a longer one if that gives too many bins.
func stepFor(from, to, wanted int64) int64 {
	for _, s := range steps() {
		if s >= wanted && (to-from)/s+2 <= binsMax {
			return s
		}
	}
	return max(wanted, ((to-from)/binsMax/86400+1)*86400)
}

// movings returns what rows tell of time and bytes, each transfer once.
func movings(rows []row) (out []moving) {
	counted := make(map[*transfer.Transfer]bool)
	for i := range rows {
		of := pair{rows[i].server, rows[i].client}
		if c := rows[i].Claim; c != nil && rows[i].Claimed != nil {
			out = append(out, moving{of, c.Opened, max(c.Opened, c.Closed), rows[i].Claimed.Total(), claimed})
		}
		for _, x := range rows[i].Transfers {
			if !counted[x] {
				counted[x] = true
				out = append(out, movingsOf(of, x)...)
			}
		}
	}
	return slices.DeleteFunc(out, func(m moving) bool {
		return !(m.bytes > 0 && m.from > 0 && m.from <= m.to && m.to < transfer.MaxTime) // a time may also be no number
	})
}

// movingsOf returns what x tells: that its bytes moved between its opening and its
// closing, so many by each time that is told, and that they are all told at the second.
func movingsOf(of pair, x *transfer.Transfer) (out []moving) {
	from, to := x.Opened.Middle(), x.Closed.Middle()
	if from == 0 {
		from = to
	}
	to = max(from, to)
	bytes, done := x.Bytes.Total(), int64(0)
	if x.Closed.Known() {
		at := max(float64(x.Closed[1]), from)
		out = append(out, moving{of, at, at, bytes, closes})
	}
	for _, p := range x.Progress {
		// The second of p lasts as long as one; more than there was in the end was counted wrong.
		at, upTo := max(from, float64(p.At)+1), min(p.Bytes, bytes)
		if upTo < done || x.Closed.Known() && at > to {
			continue
		}
		out = append(out, moving{of, from, at, upTo - done, monitored})
		from, done = at, upTo
	}
	return append(out, moving{of, from, max(from, to), bytes - done, monitored})
}

// spread puts m evenly into the bins that it covers. What is rounded goes to the next,
// so that the sum is m's.
func (m *moving) spread(bins []Bin, step int64) {
	first := bins[0].At
	i, last := (int64(m.from)-first)/step, (int64(m.to)-first)/step
	var done int64
	for ; i < last; i++ {
		share := (float64(bins[i].At+step) - m.from) / (m.to - m.from)
		upTo := min(max(int64(share*float64(m.bytes)), done), m.bytes)
		m.add(&bins[i], upTo-done)
		done = upTo
	}
	m.add(&bins[last], m.bytes-done)
}
