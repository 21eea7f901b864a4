package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/httpapi"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// newForest returns a server with two clusters.
func newForest(t *testing.T) *server {
	t.Helper()
	table, err := metric.NewTable([]metric.Metric{
		{Name: "power", Step: 10, Unit: "W", Aggregation: metric.AggSum},
		{Name: "never", Step: 1},
		{Name: "ops", Step: 60, Fold: metric.Sum},
	})
	if err != nil {
		t.Fatal(err)
	}
	st := store.New(table, store.Config{})
	write := func(name, cluster, node string, parts ...string) {
		t.Helper()
		parts = append(parts, "", "", "", "")
		id, _ := table.Lookup(name)
		at := selector.Path{
			Cluster: cluster, Node: node,
			Component: selector.Part{Type: parts[0], ID: parts[1]}, Sub: selector.Part{Type: parts[2], ID: parts[3]},
		}
		if _, err := st.Write(at, store.Point{Metric: id, Time: 100, Value: 1}); err != nil {
			t.Fatal(err)
		}
	}
	write("power", "a", "n1")
	write("power", "a", "n2", "socket", "0")
	write("ops", "a", "n2", "fs", "/home")
	write("ops", "a", "n2", "fs", "/scratch", "op", "read")
	write("ops", "a", "n2", "fs=", "x")
	write("ops", "b", "n1", "fs", "/")
	return newServerOf(t, httpapi.Config{}, func(_ *server, p *httpapi.Parts) {
		p.Query = query.New(st, table, query.Config{})
	})
}

func TestMetricList(t *testing.T) {
	s := newForest(t)
	f := func(params string, want ...query.Metric) {
		t.Helper()
		got := unmarshal[httpapi.MetricList](s, s.get("/api/v1/metrics"+params, ""))
		if diff := cmp.Diff(want, got.Metrics); diff != "" {
			t.Errorf("%s: %s", params, diff)
		}
	}
	never := query.Metric{Name: "never", Step: 1}
	ops := query.Metric{Name: "ops", Step: 60, Fold: metric.Sum}
	power := query.Metric{Name: "power", Step: 10, Unit: "W", Aggregation: metric.AggSum}
	f("", never, ops, power)
	f("?cluster=b", ops)
	f("?cluster=a&node=n1", power)
	f("?cluster=a&node=n2&type=socket&type_id=0", power)
	ops.Clusters, power.Clusters = []string{"a", "b"}, []string{"a"}
	f("?clusters=true", never, ops, power)
	f("?clusters=true&cluster=b", ops)
	if got := s.get("/api/v1/metrics?cluster=c", ""); got.body != `{"metrics":[]}`+"\n" {
		t.Errorf("of a cluster that is not: %s", got.body)
	}
}

// Ensure the levels below a level come in order, each once, whatever the size of
// the pages is.
func TestTree(t *testing.T) {
	s := newForest(t)
	f := func(params, want string) {
		t.Helper()
		for _, limit := range []string{"", "1", "2", "10"} {
			var got []string
			for next := "x"; next != ""; {
				q, _ := url.ParseQuery(params)
				if limit != "" {
					q.Set("limit", limit)
				}
				if next != "x" {
					q.Set("after", next)
				}
				page := unmarshal[httpapi.TreePage](s, s.get("/api/v1/tree?"+q.Encode(), ""))
				for _, l := range page.Levels {
					got = append(got, strings.Join(append([]string{l.Level.String()}, l.Metrics...), ":"))
				}
				next = page.Next
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s by %s: got %s, want %s", params, limit, text, want)
			}
		}
	}
	f("", "a b")
	f("metrics=true", "a:ops:power b:ops")
	f("cluster=a", "a/n1 a/n2")
	f("cluster=a&metrics=true", "a/n1:power a/n2:ops:power")
	f("cluster=a&node=n2", "a/n2/fs=/home a/n2/fs=/scratch a/n2/fs==x a/n2/socket=0")
	f("cluster=a&node=n2&type=fs&type_id=/scratch", "a/n2/fs=/scratch/op=read")
	f("cluster=a&node=n2&type=fs&type_id=/home", "")
	f("cluster=c", "")
	f("cluster=a&node=n9", "")
}

func TestTreeErrors(t *testing.T) {
	s := newForest(t)
	f := func(params, field string) {
		t.Helper()
		for _, path := range []string{"/api/v1/tree", "/api/v1/metrics"} {
			s.wantError(s.get(path+params, ""), http.StatusBadRequest, "bad_request", field)
		}
	}
	f("?node=n", "node")
	f("?cluster=a&type=t&type_id=1", "type")
	f("?cluster=a&node=n&type=t", "type_id")
	f("?cluster=", "cluster")
	f("?clstr=a", "clstr")
	for params, field := range map[string]string{
		"?after=%21": "after", "?after=AA": "after", "?cluster=a&node=n2&after=YQ": "after", "?metrics=yes": "metrics", "?limit=0": "limit",
	} {
		s.wantError(s.get("/api/v1/tree"+params, ""), http.StatusBadRequest, "bad_request", field)
	}
}

// Ensure what the tree tells can be asked for, in every form, of the real engine.
func TestAskTheForest(t *testing.T) {
	s := newForest(t)
	f := func(form, more, want string) {
		t.Helper()
		got := s.do(asked{
			method: http.MethodPost, path: "/api/v1/query", header: map[string]string{"Accept": form},
			body: strings.NewReader(`{"from":0,"to":1000,"metrics":["ops","power"],` + more + `}`),
		})
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("%s of %s: got %d %s, want %s", form, more, got.status, got.body, want)
		}
	}
	group := `"aggregation":"sum","levels":[{"cluster":["a","b"],"node":"n*","type":"fs","type_id":["/","/home","/scratch"],"group":true}]`
	f("application/x-ndjson", group+`,"counts":true,"stats":true`,
		`{"level":{},"group":0,"metric":"ops","step":60,"from":60,"values":[3],`+
			`"stats":{"count":1,"sum":3,"avg":3,"min":3,"max":3},"counts":[3]}`+"\n")
	f("text/csv", `"levels":[{"cluster":"a","node":"n1"}],"resolution":3600,"resampling":"max"`,
		"cluster,node,type,type_id,stype,stype_id,group,range,metric,unit,step,time,value,count\na,n1,,,,,,0,power,W,3600,0,1,\n")
	f("", `"levels":[{"cluster":"a","node":"n1"}],"data":false,"stats":true`,
		`{"series":[`+"\n"+`{"level":{"cluster":"a","node":"n1"},"metric":"power","unit":"W","step":10,"from":100,`+
			`"stats":{"count":1,"sum":1,"avg":1,"min":1,"max":1}}]}`+"\n")
}
