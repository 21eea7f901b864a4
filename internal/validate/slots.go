package validate

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// Slots are the bins of one client at one server, those that have anything: the series
// of both sides, side by side.
type Slots struct {
	Server string `json:"server"`
	Client string `json:"client"`
	// Others is how many other clients and servers these are of, that have fewer bytes
	// than those that stand before; 0 of a single one.
	Others int   `json:"others,omitempty"`
	Bins   []Bin `json:"bins"`
}

// A pair is a client at a server.
type pair struct{ server, client string }

// pairsMax is how many pairs have slots of their own: with binsMax it bounds a report.
const pairsMax = 100

// slotsOf returns moves by pair, in bins as those of all, by name. Those with the fewest
// bytes are one.
func slotsOf(moves []moving, all []Bin, step int64) []Slots {
	largest, rest := largestPairs(moves)
	into, others := make(map[pair][]Bin), blank(all)
	for _, of := range largest {
		into[of] = blank(all)
	}
	for i := range moves {
		bins, ok := into[moves[i].of]
		if !ok {
			bins = others
		}
		moves[i].spread(bins, step)
	}
	slices.SortFunc(largest, pair.compare)
	out := make([]Slots, 0, len(largest)+1)
	for _, of := range largest {
		out = append(out, Slots{Server: of.server, Client: of.client, Bins: filled(into[of])})
	}
	if rest > 0 {
		out = append(out, Slots{Others: rest, Bins: filled(others)})
	}
	return out
}

func (p pair) compare(q pair) int {
	return cmp.Or(cmp.Compare(p.server, q.server), cmp.Compare(p.client, q.client))
}

// largestPairs returns the pairs with the most bytes, and how many others there are.
func largestPairs(moves []moving) (largest []pair, others int) {
	bytes := make(map[pair]int64)
	for i := range moves {
		bytes[moves[i].of] += moves[i].bytes
	}
	largest = slices.SortedFunc(maps.Keys(bytes), func(p, q pair) int {
		return cmp.Or(cmp.Compare(bytes[q], bytes[p]), p.compare(q))
	})
	if n := len(largest) - pairsMax; n > 0 {
		return largest[:pairsMax], n
	}
	return largest, 0
}

// blank returns bins of the same times with nothing in them.
func blank(like []Bin) []Bin {
	out := make([]Bin, len(like))
	for i := range like {
		out[i].At = like[i].At
	}
	return out
}

// filled returns the bins that have anything.
func filled(bins []Bin) []Bin {
	return slices.DeleteFunc(bins, func(b Bin) bool { return b == Bin{At: b.At} })
}

// WriteSlotsCSV writes the slots of r, one a line, under a line of names.
func WriteSlotsCSV(w io.Writer, r *Report) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"server", "client", "others", "at", "step", "claimed", "monitored", "closes"}) // the writer keeps its first error
	for _, s := range r.Slots {
		for _, b := range s.Bins {
			line := []string{s.Server, s.Client}
			for _, n := range []int64{int64(s.Others), b.At, r.Step, b.Claimed, b.Monitored, b.Closes} {
				line = append(line, strconv.FormatInt(n, 10))
			}
			_ = out.Write(Cells(line...))
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write slots: %w", err)
	}
	return nil
}
