package validate_test

import (
	"cmp"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// book puts what a collector finds out into a ledger.
type book struct{ *ledger.Ledger }

func (b book) Transfer(t *transfer.Transfer) { b.PutTransfer(t) }
func (book) Sample(collect.Sample)           {}
func (book) Server(collect.Server)           {}
func (b book) Loss(n transfer.Loss)          { b.PutLoss(n) }
func (b book) Life(n transfer.Life)          { b.PutLife(n) }
func (b book) Event(n transfer.Event)        { b.PutEvent(n) }
func (b book) Balance(n transfer.Balance)    { b.PutBalance(n) }

// throughCollector returns the report on a capture's datagrams, the order of
// which change may change.
func throughCollector(t *testing.T, name string, change func([]capture.Packet)) *validate.Report {
	t.Helper()
	return throughCollectorOf(t, name, func(ps []capture.Packet) []capture.Packet {
		change(ps)
		return ps
	})
}

// throughCollectorOf is throughCollector of what is left of the datagrams.
func throughCollectorOf(t *testing.T, name string, change func([]capture.Packet) []capture.Packet) *validate.Report {
	t.Helper()
	dir := "../capture/testdata"
	if strings.HasPrefix(name, "v") { // of this package alone
		dir = "testdata"
	}
	c, err := capture.Load(os.DirFS(dir), name)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(ledger.Config{})
	col := collect.New(collect.Default(), book{l})
	var now time.Time
	for _, p := range change(c.Packets) {
		now = time.Unix(0, int64(p.Time*1e9))
		_ = col.Packet(now, collect.Packet{Remote: p.Remote, Data: p.Data}) // not all kinds are for it
	}
	col.Advance(now.Add(time.Hour))
	for _, x := range capture.Claims(name, c.Truth) {
		if _, err := l.PutClaim(x); err != nil {
			t.Fatal(err)
		}
	}
	cs, ts := l.Claims(ledger.Filter{}), l.Transfers(ledger.Filter{})
	r := validate.Books(l, validate.Options{Now: float64(now.Unix() + 3600)})
	check(t, r, cs, ts)
	return r
}

// Ensure that from datagrams to verdicts the whole way gives what the
// reference's transfers give.
func TestCapturesThroughCollector(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := func(name string, want map[transfer.Kind]int) {
		t.Helper()
		for _, change := range []func([]capture.Packet){
			func([]capture.Packet) {},
			func(ps []capture.Packet) { delay(r, ps) },
		} {
			rep := throughCollector(t, name, change)
			if d := gocmp.Diff(want, rep.Totals.Verdicts); d != "" {
				var table strings.Builder
				_ = validate.WriteTable(&table, rep)
				t.Errorf("%s (-want +got):\n%s%s", name, d, table.String())
			}
		}
	}
	f("s01_full_reads", counts(24, 0, 0, 0, 0))
	f("s02_partial_vector", counts(14, 1, 0, 0, 0))
	f("s03_concurrent_users", counts(74, 4, 0, 0, 2))
	f("s05_failures_names", counts(12, 0, 0, 0, 3))
	f("s06_killed_longlived", counts(3, 0, 0, 0, 5))
	f("s08_restart", counts(56, 1, 4, 0, 0))
	f("s12_gstream", counts(7, 27, 0, 26, 2))
}

// delay lets packets arrive in another order, each at most 5 s late.
func delay(r *rand.Rand, ps []capture.Packet) {
	for i := range ps {
		ps[i].Time += 5 * r.Float64()
	}
	slices.SortFunc(ps, func(a, b capture.Packet) int { return cmp.Compare(a.Time, b.Time) })
}
