package forward_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/durable"
	"tallystick/internal/forward"
	"tallystick/internal/ledger"
)

// BenchmarkSend measures how long a record takes, of those that lie waiting.
func BenchmarkSend(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer s.Close()
	for name, o := range map[string]forward.Output{
		"file": {File: forward.FileConfig{Path: filepath.Join(b.TempDir(), "records")}},
		"http": {HTTP: forward.HTTPConfig{URL: s.URL}},
	} {
		b.Run(name, func(b *testing.B) {
			l := ledger.New(ledger.Config{})
			for i := range b.N {
				put(l, 1, i)
			}
			o.History = true
			outs, err := forward.New(one(o), forward.Parts{
				Ledger: l, FS: durable.OS{}, Dir: b.TempDir(), Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
			})
			if err == nil {
				err = outs.Begin(l.Settled())
			}
			b.ReportAllocs()
			b.ResetTimer()
			for more := err == nil; more && err == nil; {
				more, err = outs[0].Step(b.Context())
			}
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
