package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/metric"
)

// bound returns a writer's token that is bound.
func (s *server) bound(b auth.Bounds) string {
	s.Helper()
	claims := auth.Claims{Subject: "agent7", Roles: []auth.Role{auth.Writer}, TTL: time.Hour, Bounds: b}
	token, err := s.key.Sign(claims, time.Now())
	if err != nil {
		s.Fatal(err)
	}
	return token
}

// Ensure who is bound to a cluster sends lines of no other, by whichever face: the line is
// refused with its place, the others are taken, and it is counted.
func TestLinesOfOtherClusters(t *testing.T) {
	now := func() time.Time { return time.Unix(1_700_000_400, 0) }
	metrics := []metric.Metric{{Name: "cpu_load", Step: 60}}
	body := "cpu_load,cluster=mine,host=h value=1 1700000040\n" +
		"cpu_load,cluster=other,host=h value=1 1700000040\n" +
		"cpu_load,host=h value=1 1700000100\n" // of the cluster that the request names
	f := func(path string, status int, where string, b auth.Bounds, wantRefused float64) {
		t.Helper()
		s, st := newCompat(t, now, "", metrics)
		got := s.do(asked{
			method: http.MethodPost, path: path, body: strings.NewReader(body),
			header: map[string]string{"Authorization": "Bearer " + s.bound(b)},
		})
		if all := got.body + fmt.Sprint(got.header); got.status != status || !strings.Contains(all, where) {
			t.Errorf("%s as %+v: got %d %q, want %d with %q", path, b, got.status, all, status, where)
		}
		var clusters []string
		for _, n := range st.Nodes() {
			clusters = append(clusters, n.Cluster)
		}
		if want := []string{"mine"}; len(b.Clusters) > 0 && !cmp.Equal(want, clusters) {
			t.Errorf("%s as %+v: the store has clusters %q, want %q", path, b, clusters, want)
		}
		if got := s.counted("tallystick_ingest_rejected_total", ingest.ReasonBound); got != wantRefused {
			t.Errorf("%s as %+v: counted %v, want %v", path, b, got, wantRefused)
		}
	}
	mine := auth.Bounds{Clusters: []string{"mine", "nobody"}}
	f("/api/v1/write?cluster=mine", http.StatusOK, `"line":2,"reason":"bound"`, mine, 1)
	f("/write?db=mine&precision=s", http.StatusBadRequest, "first line 2:0: bound", mine, 1)
	f("/api/v2/write?bucket=mine&precision=s", http.StatusBadRequest, "first line 2:0: bound", mine, 1)
	f("/api/write?cluster=mine", http.StatusBadRequest, "at line 2:1", mine, 1)
	f("/api/v1/write?cluster=other", http.StatusOK, `"line":3,"reason":"bound"`, mine, 2)
	f("/api/v1/write?cluster=mine", http.StatusBadRequest, `"line":1,"reason":"bound"`, auth.Bounds{Client: "mine"}, 3)
	f("/api/v1/write?cluster=mine", http.StatusNoContent, "", auth.Bounds{}, 0)
}

// Ensure who is bound sends packets of servers of his sites, and claims of his client, only.
func TestPacketsAndClaimsOfOthers(t *testing.T) {
	servers := collect.Config{Servers: map[string]collect.Name{
		"192.0.2.1": {Site: "T2_A"}, "192.0.2.2:1094": {Site: "T2_B"}, "192.0.2.3": {Name: "x:1"},
	}}
	s := newServerOf(t, httpapi.Config{}, func(_ *server, p *httpapi.Parts) { p.Sites = servers.Sites().Of })
	f := func(path, body string, b auth.Bounds, accepted int, refused ...int) {
		t.Helper()
		got := s.do(asked{
			method: http.MethodPost, path: path, body: strings.NewReader(body),
			header: map[string]string{"Authorization": "Bearer " + s.bound(b)},
		})
		res := unmarshal[ingest.Result](s, got)
		var indexes []int
		for _, e := range res.Errors {
			if indexes = append(indexes, e.Index); e.Reason != ingest.ReasonBound {
				t.Errorf("%s as %+v: %+v is refused for something else", path, b, e)
			}
		}
		if res.Accepted != accepted || !cmp.Equal(refused, indexes) {
			t.Errorf("%s as %+v: got %q, want %d accepted and %v refused", path, b, got.body, accepted, refused)
		}
	}
	packets := message("192.0.2.1:9", []byte("a")) + message("192.0.2.2:9", []byte("b")) +
		message("192.0.2.3:9", []byte("c")) + message("198.51.100.1:9", []byte("d"))
	f("/api/v1/packets", packets, auth.Bounds{}, 4)
	f("/api/v1/packets", packets, auth.Bounds{Sites: []string{"T2_A"}}, 1, 1, 2, 3)
	f("/api/v1/packets", packets, auth.Bounds{Sites: []string{"T2_A", "T2_B"}}, 2, 2, 3)
	f("/api/v1/packets", packets, auth.Bounds{Clusters: []string{"T2_A"}}, 0, 0, 1, 2, 3)
	if len(s.intake.packets) != 4+1+2 {
		t.Errorf("ingest got %d packets, want 7", len(s.intake.packets))
	}

	claim := func(id, who string) string {
		return `{"run":"r","id":"` + id + `",` + who + `,"server":"s:1","path":"/p","asked":{},"opened":1700000000,"outcome":"ok"}`
	}
	claims := claim("1", `"client":"n1"`) + claim("2", `"client":"n2","agent":"n1"`) + claim("3", `"agent":"n1"`) + claim("4", `"user":"n1"`)
	f("/api/v1/claims", claims, auth.Bounds{}, 4)
	f("/api/v1/claims", claims, auth.Bounds{Client: "n1"}, 2, 1, 3)
	f("/api/v1/claims", claims, auth.Bounds{Sites: []string{"n1"}}, 0, 0, 1, 2, 3)
	if got, want := s.counted("tallystick_http_rejects_total", ingest.ReasonBound), 3.0+2+4+2+4; got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// counted returns the sum of a counter over all its labels but that of the reason.
func (s *server) counted(name, reason string) (sum float64) {
	s.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == name && l.GetName() == "reason" && l.GetValue() == reason {
					sum += m.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}
