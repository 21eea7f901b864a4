package validate_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// spared returns the packets whose loss no later one shows: the last of all streams that
// tell of files of each server, its last summary, and who the server is.
func spared(ps []capture.Packet) map[int]bool {
	spare := make(map[int]bool)
	last := make(map[string]int)
	for i, p := range ps {
		switch k := p.Remote + string(p.Data[4:8]) + string(p.Data[0]); p.Data[0] {
		case '=':
			spare[i] = true
		case 'f', 't', 'g', '<':
			last[k] = i
		}
	}
	for _, i := range last {
		spare[i] = true
	}
	return spare
}

// scramble loses, doubles and delays packets, each with a probability.
func scramble(r *rand.Rand, lose, double, late float64) func([]capture.Packet) []capture.Packet {
	return func(ps []capture.Packet) []capture.Packet {
		var out []capture.Packet
		spare := spared(ps)
		for i, p := range ps {
			if r.Float64() < lose && !spare[i] {
				continue
			}
			times := 1
			if r.Float64() < double {
				times = 2
			}
			for range times {
				q := p
				if r.Float64() < late {
					q.Time += 4 * r.Float64()
				}
				out = append(out, q)
			}
		}
		slices.SortStableFunc(out, func(a, b capture.Packet) int { return cmp.Compare(a.Time, b.Time) })
		return out
	}
}

// key names what a verdict is on in every report on the same capture.
func key(v *transfer.Verdict) string {
	if v.Claim != nil {
		return v.Claim.Key()
	}
	return v.Transfers[0].ID
}

// A whole is a report on all packets of a capture.
type whole struct {
	verdicts  map[string]*transfer.Verdict  // by key
	transfers map[string]*transfer.Transfer // by ID
	reasons   map[string]bool               // cause and path of each claim's verdict
}

func newWhole(r *validate.Report) *whole {
	w := &whole{make(map[string]*transfer.Verdict), make(map[string]*transfer.Transfer), make(map[string]bool)}
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		w.verdicts[key(v)] = v
		for _, x := range v.Transfers {
			w.transfers[x.ID] = x
		}
		if v.Claim != nil {
			w.reasons[string(v.Cause)+v.Claim.Path] = true
		}
	}
	return w
}

// Ensure that whatever is lost, doubled, delayed and crossed on the way, what differs
// from a report on all packets is explained by what was lost, what came whole is as it
// was, and the monitoring never has more than it had with all of them.
func TestCapturesScrambled(t *testing.T) {
	dirs, err := os.ReadDir("../capture/testdata")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"v01_reopened", "v02_redirected", "v03_same_file", "v04_clock", "v05_http", "v06_proxy"}
	for _, d := range dirs {
		names = append(names, d.Name())
	}
	lost := 0
	for _, name := range names {
		w := newWhole(throughCollector(t, name, func([]capture.Packet) {}))
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 7))
			report := throughCollectorOf(t, name, scramble(r, []float64{0, 0.02, 0.1, 0.3}[seed%4], 0.1, 0.3))
			for i := range report.Verdicts {
				v := &report.Verdicts[i]
				w.compare(t, fmt.Sprintf("%s, seed %d", name, seed), v, seed%4 > 0)
				if v.Cause == transfer.PacketsLost {
					lost++
				}
			}
		}
	}
	if lost < 50 {
		t.Errorf("%d verdicts with lost packets: too few to show anything", lost)
	}
}

// compare compares a verdict with the one on all packets.
func (w *whole) compare(t *testing.T, name string, got *transfer.Verdict, lossy bool) {
	t.Helper()
	want := w.verdicts[key(got)]
	switch {
	case want != nil && got.Cause == want.Cause:
	case !lossy:
		t.Errorf("%s, nothing lost: %s is %s\nof all packets %s", name, key(got), text(got), text(want))
	case got.Cause == transfer.PacketsLost, got.Kind == transfer.Match && got.Cause == transfer.CauseExact:
	case got.Cause == transfer.StillOpen && (got.Claim == nil || got.Claim.Closed == 0): // its close may be what was lost
	case got.Claim != nil && w.reasons[string(got.Cause)+got.Claim.Path]: // of equal accesses another one than before
	default:
		t.Errorf("%s: %s is %s\nof all packets %s", name, key(got), text(got), text(want))
	}
	for _, x := range got.Transfers {
		all := w.transfers[x.ID]
		if all == nil {
			continue
		}
		if d := x.Bytes.Minus(all.Bytes); d.Read > 0 || d.ReadV > 0 || d.Write > 0 {
			t.Errorf("%s: %s has %v, with all packets %v", name, x.ID, x.Bytes, all.Bytes)
		}
	}
}

func text(v *transfer.Verdict) string {
	if v == nil {
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s (%s) %v monitored %v", v.Kind, v.Cause, v.Detail, v.Evidence, v.Monitored)
	for _, x := range v.Transfers {
		fmt.Fprintf(&b, " [%s %s %s %s %v]", x.ID, x.Path, x.End, x.Quality, x.Bytes)
	}
	return b.String()
}
