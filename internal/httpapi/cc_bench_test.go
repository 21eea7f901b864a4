package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tallystick/internal/httpapi"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// BenchmarkCCForAllNodes asks for 600 values of each of 1000 nodes.
func BenchmarkCCForAllNodes(b *testing.B) {
	table, err := metric.NewTable([]metric.Metric{{Name: "load", Step: 60}})
	if err != nil {
		b.Fatal(err)
	}
	st := store.New(table, store.Config{})
	for node := range 1000 {
		points := make([]store.Point, 600)
		for i := range points {
			points[i] = store.Point{Time: 1700000040 + 60*int64(i), Value: float64(i%97) + float64(node)/16}
		}
		if _, err := st.Write(selector.Path{Cluster: "c", Node: fmt.Sprintf("n%04d", node)}, points...); err != nil {
			b.Fatal(err)
		}
	}
	h := httpapi.CCHandler(httpapi.Compat{
		Table: table, Store: st, Reader: query.New(st, table, query.Config{}).Reader, Now: time.Now, Free: freeIn(st),
	})
	const body = `{"cluster":"c","from":1700000040,"to":1700036040,"for-all-nodes":["load"]}`
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/query", strings.NewReader(body)))
		b.SetBytes(int64(w.Body.Len()))
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
