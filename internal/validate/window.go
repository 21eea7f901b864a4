package validate

import (
	"cmp"
	"slices"
	"sort"

	"tallystick/internal/transfer"
)

// windows are intervals of accounts, to find those around a time without
// looking at all of them.
type windows struct {
	list    []window // by begin
	longest float64  // seconds
}

type window struct {
	begin, end float64
	account    int
}

// opening returns when a was opened.
func opening(a *account) transfer.Interval { return a.Opened }

// closing returns when a was closed, the unknown interval if it was not: where
// an account was given up says little about when the client closed the file, but the t
// stream may have the close that the f stream lacks.
func closing(a *account) transfer.Interval {
	if a.End == transfer.Closed || a.End == transfer.Forced || a.End == transfer.Lost && a.Trace != nil && a.Trace.Totals != nil {
		return a.Closed
	}
	return transfer.Interval{}
}

func newWindows(accounts []*account, of func(*account) transfer.Interval) *windows {
	w := new(windows)
	for j, a := range accounts {
		i := of(a)
		if !i.Known() {
			continue
		}
		x := window{float64(i[0]), float64(i[1]) + 1, j}
		w.list = append(w.list, x)
		w.longest = max(w.longest, x.end-x.begin)
	}
	slices.SortFunc(w.list, func(x, y window) int { return cmp.Compare(x.begin, y.begin) })
	return w
}

// at appends the accounts whose windows are at most slack away from t to found.
func (w *windows) at(t, slack float64, found []int) []int {
	first := sort.Search(len(w.list), func(i int) bool { return w.list[i].begin >= t-slack-w.longest })
	for _, x := range w.list[first:] {
		if x.begin > t+slack {
			break
		}
		if x.end >= t-slack {
			found = append(found, x.account)
		}
	}
	return found
}
