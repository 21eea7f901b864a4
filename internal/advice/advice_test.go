package advice_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/advice"
	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// A book keeps the newest of what is told of each life.
type book map[string]transfer.Life

func (book) Transfer(*transfer.Transfer) {}
func (book) Sample(collect.Sample)       {}
func (book) Server(collect.Server)       {}
func (book) Loss(transfer.Loss)          {}
func (book) Event(transfer.Event)        {}
func (book) Balance(transfer.Balance)    {}
func (b book) Life(l transfer.Life)      { b[l.ID()] = l }

func lives(t *testing.T, name string) book {
	t.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	b := book{}
	col := collect.New(collect.Default(), b)
	var now time.Time
	for _, p := range c.Packets {
		now = time.Unix(0, int64(p.Time*1e9))
		col.Advance(now)
		if err := col.Packet(now, collect.Packet{Remote: p.Remote, Data: p.Data}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		now = now.Add(time.Minute)
		col.Advance(now)
	}
	return b
}

func codes(items []advice.Item) string {
	var out []string
	for _, i := range items {
		out = append(out, i.Code)
	}
	return strings.Join(out, " ")
}

// Recorded servers, of which each has another monitoring configuration, get the advice
// that fits it, and no other.
func TestCaptures(t *testing.T) {
	m := advice.Default()
	m.Patience = 4 * time.Second // the recordings are short
	f := func(name string, want map[string]string) {
		t.Helper()
		got := map[string]string{}
		for _, l := range lives(t, name) {
			key, _, _ := strings.Cut(l.Server, "#")
			if l.Next != 0 {
				key += " before"
			}
			got[key] = codes(m.Of(&l, advice.Link{}))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	f("s14_configs", map[string]string{
		"vm:21094":  "no-xfr no-lfn no-user no-site no-summary", // bare
		"vm:21095":  "no-lfn no-user no-ops no-summary",         // barexfr
		"vm:21096":  "no-xfr no-user no-summary",                // lfn
		"vm:21097":  "no-user no-ops no-summary",                // lfnxfr
		"vm:21098":  "no-xfr no-lfn no-summary",                 // userops
		"vm:21099":  "no-lfn no-summary",                        // useropsxfr
		"vm:21100":  "no-fstat no-summary",                      // files
		"vm:21101":  "trace-twice no-summary",                   // twodest
		"127.0.0.1": "no-ident no-summary",                      // noident
	})
	f("s01_full_reads", map[string]string{"vm:21094": "trace-twice long-datagrams"})
	f("s08_restart", map[string]string{"vm:21094": "trace-twice long-datagrams", "vm:21094 before": "long-datagrams"})
	f("s12_gstream", map[string]string{
		"vm:21094": "long-datagrams", "vm:21095": "long-datagrams", "vm:21096": "long-datagrams", "vm:21097": "long-datagrams",
		"vm:21098": "", "vm:21099": "",
	})
}

// Without time to watch nothing is said that only time can show.
func TestPatience(t *testing.T) {
	for _, l := range lives(t, "s14_configs") {
		if got := codes(advice.Default().Of(&l, advice.Link{})); strings.Contains(got, "no-summary") {
			t.Errorf("%s: got %s after some seconds", l.Server, got)
		}
	}
}

// Each advice has its evidence, and is gone without it.
func TestRules(t *testing.T) {
	// One who does everything well, watched from its start for a day.
	good := transfer.Life{
		Stod: 1000, Last: 87000, Heard: 87400, Idents: 280, Logins: 5, Opens: 9, Closes: 9, Discs: 5, Named: 9, Counts: 9,
		Habits: transfer.Habits{First: 1001, Site: "S", IdentEvery: 300, Summaries: 1400, LongestFile: 1400},
	}
	f := func(want string, change func(l *transfer.Life)) {
		t.Helper()
		l := good
		change(&l)
		items := advice.Default().Of(&l, advice.Link{})
		if got := codes(items); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, i := range items {
			if i.What == "" || i.Directive == "" || i.Evidence == "" || i.Severity == "" {
				t.Errorf("%+v is not complete", i)
			}
		}
	}
	f("", func(*transfer.Life) {})
	f("no-fstat", func(l *transfer.Life) { l.Last, l.Opens, l.Closes, l.Discs, l.Traced = 0, 0, 0, 0, 9 })
	f("", func(l *transfer.Life) { l.Last, l.Opens, l.Closes, l.Discs = 0, 0, 0, 0 }) // nobody opened a file
	f("no-xfr", func(l *transfer.Life) { l.Closes, l.Counts = 0, 0 })
	f("", func(l *transfer.Life) { l.Closes, l.Counts, l.Moved = 0, 0, 3 }) // files are open
	f("", func(l *transfer.Life) { l.Closes, l.Counts, l.Discs, l.Heard = 0, 0, 0, l.First+800 })
	f("no-lfn", func(l *transfer.Life) { l.Named = 0 })
	f("no-user", func(l *transfer.Life) { l.Logins = 0 })
	f("", func(l *transfer.Life) { l.Logins, l.First = 0, l.Heard-5 }) // they were before we listened
	f("no-ident", func(l *transfer.Life) { l.Idents, l.IdentEvery = 0, 0 })
	f("", func(l *transfer.Life) { l.Idents, l.IdentEvery, l.First = 0, 0, l.Heard-3000 }) // it may come
	f("trace-twice", func(l *transfer.Life) { l.Traced, l.Twice = 10, 9 })
	f("", func(l *transfer.Life) { l.Traced, l.Twice = 10, 1 })
	f("no-ops", func(l *transfer.Life) { l.Counts = 0 })
	f("no-site", func(l *transfer.Life) { l.Site = "" })
	f("no-summary", func(l *transfer.Life) { l.Summaries = 0 })
	f("rare-ident", func(l *transfer.Life) { l.IdentEvery = 3600 })
	f("long-datagrams", func(l *transfer.Life) { l.LongestTrace = 8000 })
	if got := codes(advice.Default().Of(&good, advice.Link{Ratio: 841, Cause: "async-cache-read"})); got != "async-io" {
		t.Errorf("with a bad ratio: got %q, want async-io", got)
	}
	young := transfer.Life{Stod: 1000, Last: 1010, Heard: 1020, Idents: 1, Logins: 1, Opens: 3, Named: 3, Habits: transfer.Habits{First: 1001, Site: "S"}}
	for cause, want := range map[transfer.Cause]string{"": "", "no-close-by-config": "no-xfr"} { // else they may be open
		if got := codes(advice.Default().Of(&young, advice.Link{Ratio: 9e6, Cause: cause})); got != want {
			t.Errorf("with cause %q: got %q, want %q", cause, got, want)
		}
	}
}
