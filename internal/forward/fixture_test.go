package forward_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/durable"
	"tallystick/internal/forward"
	"tallystick/internal/ledger"
	"tallystick/internal/record"
	"tallystick/internal/transfer"
)

// A world is a ledger with outputs, from a start to an end.
type world struct {
	t      *testing.T
	ledger *ledger.Ledger
	outs   forward.Outputs
	reg    *prometheus.Registry
	log    *lockedBuffer
}

// A lockedBuffer may be written and read at the same time.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start begins with a ledger; parts may say more.
func start(t *testing.T, l *ledger.Ledger, cfg forward.Config, parts forward.Parts) *world {
	t.Helper()
	w, err := tryStart(t, l, cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tryStart(t *testing.T, l *ledger.Ledger, cfg forward.Config, parts forward.Parts) (*world, error) {
	t.Helper()
	w := &world{t: t, ledger: l, reg: prometheus.NewRegistry(), log: new(lockedBuffer)}
	if parts.FS == nil {
		parts.FS = durable.OS{}
	}
	parts.Ledger, parts.Metrics, parts.Log = l, w.reg, slog.New(slog.NewTextHandler(w.log, nil))
	outs, err := forward.New(cfg, parts)
	if err != nil {
		return nil, err
	}
	w.outs = outs
	l.OnGone(outs.Gone)
	l.OnEventGone(outs.EventGone)
	return w, outs.Begin(l.Settled())
}

// one returns the configuration of one output, without a hold.
func one(o forward.Output) forward.Config {
	cfg := forward.Default()
	cfg.Hold = 0
	if o.Form == "" {
		o.Form = record.Go
	}
	cfg.Outputs = map[string]forward.Output{"out": o}
	return cfg
}

// put tells the ledger of transfers that have ended, in one turn.
func put(l *ledger.Ledger, bytes int64, ids ...int) {
	for _, id := range ids {
		l.PutTransfer(&transfer.Transfer{
			ID: fmt.Sprintf("1.1700000000.%04d", id), Server: "s:1094", Address: "192.0.2.1:1094", Path: fmt.Sprintf("/data/%d", id),
			Opened: transfer.Interval{1700000000, 1700000001}, Closed: transfer.Interval{1700000010, 1700000011},
			Bytes: transfer.Bytes{Read: bytes}, End: transfer.Closed, Quality: transfer.Exact,
		})
	}
	l.Settle()
}

// step has the first output do all that it can.
func (w *world) step() error {
	for {
		if more, err := w.outs[0].Step(w.t.Context()); err != nil || !more {
			return err
		}
	}
}

func (w *world) must() {
	w.t.Helper()
	if err := w.step(); err != nil {
		w.t.Fatal(err)
	}
}

// count returns the sum of a counter over its labels.
func (w *world) count(name string) (sum float64) {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tallystick_records_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func (w *world) wantCounts(want map[string]float64) {
	w.t.Helper()
	for name, n := range want {
		if got := w.count(name); got != n {
			w.t.Errorf("%s is %v, want %v", name, got, n)
		}
	}
}

// ids are what lines of records are of: "number.revision", and " bytes" behind it.
func ids(t *testing.T, lines string) (out []string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var r struct {
			ID       string `json:"tallystick_id"`
			Revision int    `json:"tallystick_revision"`
			Read     int64  `json:"read"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		out = append(out, fmt.Sprintf("%s.%d %d", strings.TrimLeft(filepath.Ext(r.ID)[1:], "0"), r.Revision, r.Read))
	}
	return out
}
