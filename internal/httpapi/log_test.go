package httpapi_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/store"
	"tallystick/internal/wal"
)

// A fullDisk is a log for which there is room, or none.
type fullDisk struct {
	full atomic.Bool
	at   time.Time
}

// Commit implements ingest.Log.
func (d *fullDisk) Commit(e wal.Entry) error {
	if d.full.Load() {
		return fmt.Errorf("%w: %w", wal.ErrUnavailable, syscall.ENOSPC)
	}
	e.Apply(d.at)
	return nil
}

// Turn implements ingest.Log.
func (d *fullDisk) Turn(f func(at time.Time)) { f(d.at) }

// Ensure that what the log did not take is 503 on every route, nothing of it is there,
// and the same is taken once the log can be written again.
func TestLogFails(t *testing.T) {
	now := time.Unix(ccNow, 0)
	disk := &fullDisk{at: now}
	table, err := metric.NewTable(append(metric.XRootD(60), metric.Metric{Name: "load", Step: 60}))
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(table, store.Config{})
	s := newServerOf(t, httpapi.Config{}, func(s *server, p *httpapi.Parts) {
		in, err := ingest.New(ingest.Default(), ingest.Parts{
			Collector: func(out collect.Output) ingest.Collector { return collect.New(collect.Default(), out) },
			Ledger:    s.ledger, Store: st, Table: table, Now: func() time.Time { return now }, Metrics: s.registry, Log: disk,
		})
		if err != nil {
			t.Fatal(err)
		}
		engine := query.New(st, table, query.Config{MaxValues: 1 << 20})
		p.Ingest, p.Query = in, engine
		p.Compat = httpapi.Compat{Table: table, Store: st, Reader: engine.Reader, Now: time.Now, Free: in.Free}
	})
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s01_full_reads")
	if err != nil {
		t.Fatal(err)
	}
	packet := message(c.Packets[0].Remote, c.Packets[0].Data)
	claim := fmt.Sprintf(`{"run":"r","id":"1","server":"s:1","path":"/a","opened":%d,"outcome":"ok","received":{"read":1}}`, ccNow)
	line := fmt.Sprintf("load,cluster=c,hostname=h value=1 %d", ccNow)
	routes := []struct{ path, body string }{
		{"/api/v1/packets", packet + packet},
		{"/api/v1/claims", claim},
		{"/api/v1/write", line},
		{"/api/write", line},
		{"/write?db=d&precision=s", line},
		{"/api/v2/write?bucket=d&precision=s", line},
		{"/api/free?to=5", `[["c","h"]]`},
	}
	s.ok("/api/v1/write", line) // what may be freed
	before := st.Stats()
	disk.full.Store(true)
	for _, r := range routes {
		got := s.post(r.path, r.body)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "log cannot be written") {
			t.Errorf("%s: got %d %v %s, want 503 and why", r.path, got.status, got.header, got.body)
		}
	}
	if transfers, claims := s.ledger.Len(); transfers+claims > 0 || st.Stats() != before {
		t.Errorf("got %d transfers, %d claims, %+v, want nothing", transfers, claims, st.Stats())
	}
	disk.full.Store(false)
	for _, r := range routes {
		s.ok(r.path, r.body)
	}
}

// ok posts what must be taken.
func (s *server) ok(path, body string) {
	s.Helper()
	if got := s.post(path, body); got.status != http.StatusOK && got.status != http.StatusNoContent {
		s.Errorf("%s: got %d %s", path, got.status, got.body)
	}
}
