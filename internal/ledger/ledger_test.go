package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

func randomTransfer(r *rand.Rand, ids int) *transfer.Transfer {
	n := r.IntN(4)
	t := &transfer.Transfer{
		ID: fmt.Sprintf("1.7.%d", r.IntN(ids)), Site: fmt.Sprintf("Site%d", r.IntN(2)),
		Server: fmt.Sprintf("S%d.example:1094", n), Address: fmt.Sprintf("10.0.0.%d:1094", n),
		Client: fmt.Sprintf("c%d", r.IntN(3)), Path: "/a",
		End: transfer.Closed,
	}
	begin := 1000 + r.Int64N(500)
	t.Opened = transfer.Interval{begin, begin + r.Int64N(5)}
	switch r.IntN(4) {
	case 0:
		t.End = transfer.Open
	case 1:
		t.End = transfer.Unreported
	default:
		end := t.Opened[1] + r.Int64N(50)
		t.Closed = transfer.Interval{end, end + r.Int64N(5)}
	}
	return t
}

func randomClaim(r *rand.Rand, ids int) *transfer.Claim {
	c := &transfer.Claim{
		Run: fmt.Sprintf("r%d", r.IntN(3)), ID: strconv.Itoa(r.IntN(ids)),
		Server: fmt.Sprintf("S%d.example:1094", r.IntN(4)), Client: fmt.Sprintf("c%d", r.IntN(3)), Path: "/a",
		Opened: 1000 + float64(r.IntN(2000))/4, Outcome: transfer.OK,
	}
	if r.IntN(3) > 0 {
		c.Closed = c.Opened + float64(r.IntN(200))/4
	}
	return c
}

func transferIDs(ts []*transfer.Transfer) (ids []string) {
	for _, t := range ts {
		ids = append(ids, t.ID)
	}
	return ids
}

func claimKeys(cs []*transfer.Claim) (keys []string) {
	for _, c := range cs {
		keys = append(keys, c.Key())
	}
	return keys
}

func randomFilter(r *rand.Rand) ledger.Filter {
	var f ledger.Filter
	set := func(s *string, v string) {
		if r.IntN(3) == 0 {
			*s = v
		}
	}
	set(&f.Run, fmt.Sprintf("r%d", r.IntN(3)))
	set(&f.Server, fmt.Sprintf("s%d.EXAMPLE:1094", r.IntN(4)))
	set(&f.Client, fmt.Sprintf("c%d", r.IntN(3)))
	set(&f.Site, fmt.Sprintf("Site%d", r.IntN(2)))
	if f.Server == "" {
		set(&f.Server, fmt.Sprintf("10.0.0.%d:1094", r.IntN(4)))
	}
	if r.IntN(2) == 0 {
		f.From = 1000 + r.Int64N(500)
	}
	if r.IntN(2) == 0 {
		f.To = 1000 + r.Int64N(500)
	}
	return f
}

// Ensure that any sequence of puts and frees leaves what a plain slice would
// hold, and that every filter selects from it what a scan would.
func TestLedgerModel(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 0))
		limit := 1 + r.IntN(2500) // several chunks
		l, m := ledger.New(ledger.Config{Max: limit}), &model{max: limit}
		for range 3000 {
			switch r.IntN(40) {
			case 0:
				before := 1000 + r.Int64N(100)
				if got, want := l.FreeBefore(before), m.free(before); got != want {
					t.Fatalf("seed %d: freed %d, want %d", seed, got, want)
				}
			case 1, 2, 3, 4, 5, 6, 7:
				c := randomClaim(r, 400)
				added, err := l.PutClaim(c)
				wantAdded, conflict := m.putClaim(c)
				if added != wantAdded || errors.Is(err, ledger.ErrConflict) != conflict {
					t.Fatalf("seed %d: put claim: %v, %v; want %v, conflict %v", seed, added, err, wantAdded, conflict)
				}
			default:
				x := randomTransfer(r, 5000)
				l.PutTransfer(x)
				m.putTransfer(x)
			}
		}
		compare(t, r, l, m)
	}
}

func compare(t *testing.T, r *rand.Rand, l *ledger.Ledger, m *model) {
	t.Helper()
	m.sort()
	nt, nc := l.Len()
	if nt != len(m.transfers) || nc != len(m.claims) {
		t.Fatalf("len %d, %d; want %d, %d", nt, nc, len(m.transfers), len(m.claims))
	}
	if dt, dc := l.Dropped(); dt != m.dropped[0] || dc != m.dropped[1] {
		t.Fatalf("dropped %d, %d; want %v", dt, dc, m.dropped)
	}
	for range 50 {
		f := randomFilter(r)
		if d := cmp.Diff(m.selectTransfers(f), transferIDs(l.Transfers(f))); d != "" {
			t.Fatalf("transfers %+v (-want +got):\n%s", f, d)
		}
		if d := cmp.Diff(m.selectClaims(f), claimKeys(l.Claims(f))); d != "" {
			t.Fatalf("claims %+v (-want +got):\n%s", f, d)
		}
	}
}

// Ensure that pages, joined, are the whole, and that a cursor survives its text.
func TestLedgerPages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := ledger.New(ledger.Config{})
	for range 3000 {
		l.PutTransfer(randomTransfer(r, 2500))
		_, _ = l.PutClaim(randomClaim(r, 1_000_000)) // an id may come twice
	}
	for _, f := range []ledger.Filter{{}, {Server: "s1.example:1094"}, {Client: "c1", From: 1200, To: 1300}, {Run: "r1"}} {
		wantT, wantC := transferIDs(l.Transfers(f)), claimKeys(l.Claims(f))
		for _, limit := range []int{1, 7, 1024, 100_000} {
			var gotT, gotC []string
			p := f
			p.Limit = limit
			for {
				page := l.Transfers(p)
				gotT = append(gotT, transferIDs(page)...)
				if len(page) < limit {
					break
				}
				p.After = reparse(t, ledger.TransferCursor(page[limit-1]))
			}
			p.After = ledger.Cursor{}
			for {
				page := l.Claims(p)
				gotC = append(gotC, claimKeys(page)...)
				if len(page) < limit {
					break
				}
				p.After = reparse(t, ledger.ClaimCursor(page[limit-1]))
			}
			if !slices.Equal(gotT, wantT) || !slices.Equal(gotC, wantC) {
				t.Errorf("%+v in pages of %d: %d transfers and %d claims, or another order; want %d and %d",
					f, limit, len(gotT), len(gotC), len(wantT), len(wantC))
			}
		}
	}
}

func reparse(t *testing.T, c ledger.Cursor) ledger.Cursor {
	t.Helper()
	got, err := ledger.ParseCursor(c.String())
	if err != nil || got != c {
		t.Fatalf("cursor %v came back as %v, %v", c, got, err)
	}
	return got
}

func TestParseCursorErrors(t *testing.T) {
	for _, s := range []string{"!", "YWJj", "TmFOIHg", strings.Repeat("A", 1000)} {
		if c, err := ledger.ParseCursor(s); err == nil {
			t.Errorf("ParseCursor(%q) = %v, want an error", s, c)
		}
	}
}

func TestPutTransferReplaces(t *testing.T) {
	l := ledger.New(ledger.Config{})
	first := &transfer.Transfer{ID: "1.2.3", Server: "a:1", Opened: transfer.Interval{10, 12}, End: transfer.Open}
	l.PutTransfer(first)
	held := l.Transfers(ledger.Filter{})[0]
	size := l.Bytes()

	l.PutTransfer(&transfer.Transfer{
		ID: "1.2.3", Server: "b:1", Opened: transfer.Interval{5, 12}, Closed: transfer.Interval{20, 22}, End: transfer.Closed,
	})
	if got := l.Transfers(ledger.Filter{Server: "a:1"}); len(got) != 0 {
		t.Errorf("still found by its old server: %v", got)
	}
	if got := l.Transfers(ledger.Filter{Server: "B:1", From: 22}); len(got) != 1 || got[0].Opened[0] != 5 {
		t.Errorf("by its new server: %v, want the new transfer", got)
	}
	if held != first || held.End != transfer.Open {
		t.Error("what a reader held was changed")
	}
	if got := l.Bytes(); got != size {
		t.Errorf("%d bytes, want %d as with one transfer before", got, size)
	}
	if l.FreeBefore(23); l.Bytes() != 0 {
		t.Errorf("%d bytes in an empty ledger", l.Bytes())
	}
}

// Ensure that a transfer that is open outlives FreeBefore, and goes last when
// the ledger is full.
func TestOpenStays(t *testing.T) {
	l := ledger.New(ledger.Config{Max: 2})
	l.PutTransfer(&transfer.Transfer{ID: "1.1.1", Opened: transfer.Interval{10, 10}, End: transfer.Open})
	if n := l.FreeBefore(1 << 40); n != 0 {
		t.Errorf("freed %d open transfers", n)
	}
	for i := range int64(5) {
		l.PutTransfer(&transfer.Transfer{
			ID: fmt.Sprint("1.1.", 2+i), Opened: transfer.Interval{11 + i, 11 + i},
			Closed: transfer.Interval{12 + i, 12 + i}, End: transfer.Closed,
		})
	}
	if got, want := transferIDs(l.Transfers(ledger.Filter{})), []string{"1.1.1", "1.1.6"}; !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	if n, _ := l.Dropped(); n != 4 {
		t.Errorf("dropped %d, want 4", n)
	}
}

func TestFilterNames(t *testing.T) {
	l := ledger.New(ledger.Config{})
	l.PutTransfer(&transfer.Transfer{
		ID: "1.1.1", Server: "Cache.example:1094", Address: "192.0.2.1:1094", Client: "192.0.2.9",
		User: "verylong", Path: "/store/a", Opened: transfer.Interval{10, 10},
	})
	f := func(f ledger.Filter, want int) {
		t.Helper()
		if got := len(l.Transfers(f)); got != want {
			t.Errorf("%+v selects %d, want %d", f, got, want)
		}
	}
	f(ledger.Filter{Server: "CACHE.example:1094"}, 1)
	f(ledger.Filter{Server: "192.0.2.1:1094"}, 1)
	f(ledger.Filter{Server: "192.0.2.1"}, 0)
	f(ledger.Filter{Client: "[::ffff:192.0.2.9]"}, 1)
	f(ledger.Filter{User: "verylongname"}, 1)
	f(ledger.Filter{User: "very"}, 0)
	f(ledger.Filter{Path: "//store/a"}, 1)
	f(ledger.Filter{Path: "store/a"}, 1)
	f(ledger.Filter{Path: "/store"}, 0)
	f(ledger.Filter{From: 11}, 0)
	f(ledger.Filter{From: 10, To: 11}, 1)
	f(ledger.Filter{To: 10}, 0)
}

// Ensure that writers and readers may all come at once, and that a walk may put.
func TestConcurrent(t *testing.T) {
	l := ledger.New(ledger.Config{Max: 1500})
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 9))
			for range 500 {
				l.PutTransfer(randomTransfer(r, 3000))
				_, _ = l.PutClaim(randomClaim(r, 3000))
			}
		})
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 10))
			for range 20 {
				for x := range l.AllTransfers(randomFilter(r)) {
					l.PutTransfer(x)
				}
				l.Claims(randomFilter(r))
				l.FreeBefore(1050)
				l.Bytes()
			}
		})
	}
	wg.Wait()
	if n, _ := l.Len(); n == 0 || n > 1500 {
		t.Errorf("%d transfers, want 1 to 1500", n)
	}
}

func BenchmarkPutTransfer(b *testing.B) {
	l := ledger.New(ledger.Config{Max: 1_000_000})
	r := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		x := randomTransfer(r, 1<<40)
		x.Opened = transfer.Interval{i / 100, i / 100}
		x.Closed, x.End = transfer.Interval{i/100 + 5, i/100 + 6}, transfer.Closed
		l.PutTransfer(x)
		i++
	}
}

func BenchmarkTransfersOfAnHour(b *testing.B) {
	l := ledger.New(ledger.Config{})
	for i := range int64(500_000) {
		at := i / 2
		l.PutTransfer(&transfer.Transfer{
			ID: fmt.Sprint("1.1.", i), Server: fmt.Sprint("s", i%50), Opened: transfer.Interval{at, at},
			Closed: transfer.Interval{at + 5, at + 5}, End: transfer.Closed,
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(l.Transfers(ledger.Filter{Server: "s7", From: 100_000, To: 103_600})); n == 0 {
			b.Fatal("none")
		}
	}
}
