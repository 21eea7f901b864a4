package collect_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/xrootd"
)

// own returns the sums of a metric at servers themselves, by "site server".
func (r *recorder) own(metric string) map[string]float64 {
	out := map[string]float64{}
	for s, v := range r.samples {
		if s.At == collect.AtServer && s.Metric == metric {
			out[s.Site+" "+s.Server] = math.Round((out[s.Site+" "+s.Server]+v)*1e6) / 1e6
		}
	}
	return out
}

// The differences add up to what the last summary of each life tells, at the place
// where the transfers of the server are (XROOTD.md 4.4).
func TestSummaryOfCaptures(t *testing.T) {
	f := func(name, metric string, want map[string]float64) {
		t.Helper()
		got := play(t, arrivals(load(t, name))).own(metric)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s (-want +got):\n%s", name, metric, d)
		}
	}
	f("s01_full_reads", "xrd_link_out", map[string]float64{"SITE_S0 vm:21094": 114_832_014})
	f("s03_concurrent_users", "xrd_link_out", map[string]float64{"SITE_S0 vm:21094": 51_350_869})
	f("s06_killed_longlived", "xrd_link_in", map[string]float64{"SITE_S0 vm:21094": 27_152_560})
	f("s08_restart", "xrd_link_out", map[string]float64{"SITE_S0 vm:21094": 54_037_917 + 39_032_139 + 75_050_879})
	f("s12_gstream", "xrd_link_out", map[string]float64{
		"SITE_ORG vm:21094": 16_127_065, "SITE_TPC vm:21099": 1406,
		"SITE_XC vm:21095": 4_206_329, "SITE_XJ vm:21096": 4_206_329, "SITE_XG vm:21097": 4_206_329, "SITE_XN vm:21098": 4_206_329,
	})
	f("s12_gstream", "xrd_proc_usr", map[string]float64{
		"SITE_ORG vm:21094": 0.022924, "SITE_TPC vm:21099": 0.021705,
		"SITE_XC vm:21095": 0.022571, "SITE_XJ vm:21096": 0.032544, "SITE_XG vm:21097": 0.021521, "SITE_XN vm:21098": 0.021892,
	})
	f("s14_configs", "xrd_link_out", map[string]float64{})
}

func summary(tos, tod int64, stats string) []byte {
	return fmt.Appendf(nil, `<statistics tod="%d" ver="v5.5.3" src="xcache:1094" tos="%d" pgm="xrootd" ins="i" pid="9" site="T2">%s</statistics>`, tod, tos, stats)
}

func linkIO(n int) string { return fmt.Sprintf(`<stats id="link"><in>1</in><out>%d</out></stats>`, n) }

func linkOut(n int) string {
	return fmt.Sprintf(`<stats id="link"><num>3</num><out>%d</out></stats>`, n)
}

// linkOuts returns the samples of link/out in order, as "site server second value".
func (r *run) linkOuts() []string {
	var out []string
	for s, v := range r.samples {
		if s.Metric == "xrd_link_out" {
			out = append(out, fmt.Sprint(s.Site, " ", s.Server, " ", s.Time-stod, " ", v))
		}
	}
	slices.Sort(out)
	return out
}

func TestSummary(t *testing.T) {
	f := func(what string, want []string, datagrams ...[]byte) {
		t.Helper()
		r := newRun(t, collect.Default())
		r.feed(datagrams...)
		r.pass(time.Hour)
		if d := cmp.Diff(want, r.linkOuts()); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	one, two, three := summary(stod, stod+1, linkOut(100)), summary(stod, stod+2, linkOut(250)), summary(stod, stod+3, linkOut(250))
	f("in order", []string{"T2 xcache:1094 1 100", "T2 xcache:1094 2 150", "T2 xcache:1094 3 0"}, one, two, three)
	f("in any order, twice", []string{"T2 xcache:1094 1 100", "T2 xcache:1094 2 150", "T2 xcache:1094 3 0"}, three, two, two, one, three)
	f("a gap is made up for", []string{"T2 xcache:1094 1 100", "T2 xcache:1094 3 150"}, one, three)
	f("what an old server did before is not new", []string{"T2 xcache:1094 2 150"},
		summary(stod-86400, stod+1, linkOut(100)), summary(stod-86400, stod+2, linkOut(250)))
	f("another life begins at nothing", []string{"T2 xcache:1094 1 100", "T2 xcache:1094 3 70"},
		one, summary(stod+2, stod+3, linkOut(70)))
	f("a counter that goes back begins anew", []string{"T2 xcache:1094 1 100", "T2 xcache:1094 3 5"},
		one, summary(stod, stod+2, linkOut(10)), summary(stod, stod+3, linkOut(15)))
	f("in several parts", []string{"T2 xcache:1094 1 100"},
		summary(stod, stod+1, `<stats id="sched"><jobs>7</jobs></stats>`), one)
	f("as JSON", []string{"T2 xcache:1094 1 100"},
		fmt.Appendf(nil, `{"statistics":{"tod":%d,"ver":"v6","src":"xcache:1094","tos":%d,"pgm":"xrootd","ins":"i","pid":9,"site":"T2","stats_link":{"out":100}}}`, stod+1, stod))
	f("without a sender", nil, []byte(`<statistics tod="0" ver="v5.5.3"></statistics>`))
	f("no site", []string{"UNKNOWN xcache:1094 1 100"}, []byte(strings.ReplaceAll(string(one), "T2", "")))
}

// A summary belongs to the server that has its name at its address, under the name
// that an operator gave it, and of several to the one that started then.
func TestSummaryOfServer(t *testing.T) {
	cfg := collect.Default()
	cfg.Servers = map[string]collect.Name{"192.0.2.1:1094": {Site: "T3", Name: "cache:1"}}
	for _, datagrams := range [][][]byte{
		{ident(stod), summary(stod-2, stod+1, linkOut(100))},
		{summary(stod-2, stod+1, linkOut(100)), ident(stod)},
		{summary(stod-2, stod+1, linkOut(100))}, // it is the same server although its ident is lost
	} {
		r := newRun(t, cfg)
		r.feed(datagrams...)
		r.pass(time.Hour)
		if d := cmp.Diff([]string{"T3 cache:1 1 100"}, r.linkOuts()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	}
}

// A summary from a time to come would make all that follow look old.
func TestSummaryOfTheFuture(t *testing.T) {
	r := newRun(t, collect.Default())
	for _, d := range [][]byte{summary(stod, stod+86400, linkOut(1)), summary(stod+5, stod+2, linkOut(1))} {
		err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: d})
		var bad *xrootd.Error
		if !errors.As(err, &bad) || bad.Reason != xrootd.ReasonTime {
			t.Errorf("%s: got error %v, want one of the time", d, err)
		}
	}
	r.feed(summary(stod, stod+1, linkOut(100)))
	r.pass(time.Hour)
	if got := r.linkOuts(); len(got) != 1 {
		t.Errorf("got %v, want the one sample", got)
	}
}

// Made-up servers take no more memory than there may be, and are forgotten.
func TestSummariesAreBounded(t *testing.T) {
	cfg := collect.Default()
	cfg.Max = 100
	r := newRun(t, cfg)
	full := 0
	for i := range 1000 {
		d := strings.Replace(string(summary(stod, stod+1, linkOut(1))), "xcache", fmt.Sprint("h", i), 1)
		if err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: []byte(d)}); errors.Is(err, collect.ErrFull) {
			full++
		}
	}
	if s := r.Stats(); full < 990 || s.Held > cfg.Max || s.Full != uint64(full) {
		t.Errorf("got %d refused, %d counted, %d held", full, s.Full, s.Held)
	}
	r.pass(cfg.Idle + time.Hour)
	if s := r.Stats(); s.Held != 0 {
		t.Errorf("got %d held in the end, want 0", s.Held)
	}
}
