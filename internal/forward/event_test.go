package forward_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tallystick/internal/forward"
	"tallystick/internal/ledger"
	"tallystick/internal/record"
	"tallystick/internal/transfer"
)

// putEvents tells the ledger of what a cache let go of, in one turn.
func putEvents(l *ledger.Ledger, provider string, ids ...int) {
	for _, id := range ids {
		path := fmt.Sprintf("/data/%d", id)
		l.PutEvent(transfer.Event{
			ID: fmt.Sprintf("1.1700000000.%s.%04d", provider, id), Provider: provider, SID: 1, Stod: 1700000000, Server: "s:1094",
			Address: "192.0.2.1:1094", Path: path, At: transfer.Interval{int64(id), int64(id)}, Record: fmt.Sprintf(`{"lfn":%q,"Src":%q}`, path, path),
		})
	}
	l.Settle()
}

// An output sends events of its kind, each once, also after a restart, and no transfers.
func TestEvents(t *testing.T) {
	dir, l := t.TempDir(), ledger.New(ledger.Config{})
	path := filepath.Join(dir, "records")
	cfg := one(forward.Output{Of: forward.Cache, File: forward.FileConfig{Path: path}, DropPathPrefixes: []string{"/data/3"}})
	f := func(what, want string) {
		t.Helper()
		var got []string
		for line := range strings.Lines(slurp(t, path)) {
			_, rest, _ := strings.Cut(line, `"file_path":"/data/`)
			n, _, _ := strings.Cut(rest, `"`)
			got = append(got, n)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	w := start(t, l, cfg, forward.Parts{Dir: dir})
	put(l, 1, 1, 2)
	putEvents(l, transfer.PFC, 2, 1, 3)
	putEvents(l, transfer.TPC, 9)
	w.must()
	f("a turn", "1 2")
	w = start(t, l, cfg, forward.Parts{Dir: dir})
	putEvents(l, transfer.PFC, 4, 2)
	w.must()
	f("after a restart", "1 2 4")
	w.wantCounts(map[string]float64{"sent_total": 1, "waiting": 0, "lost_total": 0})

	putEvents(l, transfer.PFC, 5)
	putEvents(l, transfer.TPC, 6)
	l.FreeBefore(100)
	w.wantCounts(map[string]float64{"lost_total": 1})
	w.must()
	f("what was gone", "1 2 4")
}

// A route takes of events what its paths say.
func TestEventRoutes(t *testing.T) {
	dir, l := t.TempDir(), ledger.New(ledger.Config{})
	path := filepath.Join(dir, "records")
	cfg := one(forward.Output{Of: forward.Copies, Route: record.ToWLCG, File: forward.FileConfig{Path: path}})
	cfg.WLCG.PathPrefixes = []string{"/data/7"}
	w := start(t, l, cfg, forward.Parts{Dir: dir})
	putEvents(l, transfer.TPC, 6, 7, 8)
	w.must()
	if got := slurp(t, path); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"source":"/data/7"`) {
		t.Errorf("got %s", got)
	}
	w.wantCounts(map[string]float64{"sent_total": 1, "skipped_total": 2})
}
