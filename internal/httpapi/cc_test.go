package httpapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const ccNow = 1_700_100_000

// newCC returns a server with some metrics, at ccNow.
func newCC(t *testing.T) (*server, *store.Store) {
	t.Helper()
	return newCompat(t, func() time.Time { return time.Unix(ccNow, 0) }, "", []metric.Metric{
		{Name: "load", Step: 60},
		{Name: "flops", Step: 60, Aggregation: metric.AggSum},
		{Name: "user", Step: 60, Aggregation: metric.AggAvg},
		{Name: "fast", Step: 10},
		{Name: "odd", Step: 7},
	})
}

// A ccAnswer is an answer of /api/query.
type ccAnswer struct {
	Queries []struct{ Metric, Host string }
	Results [][]struct {
		Error                string
		Data                 []*float64
		From, To, Resolution int64
		Avg, Min, Max        *float64
	}
}

// write writes lines, all of which are taken.
func (s *server) ccWrite(lines ...string) {
	s.Helper()
	got := s.post("/api/write", strings.Join(lines, "\n"))
	if got.status != http.StatusOK || got.body != "" || got.header.Get("Tallystick-Rejected") != "" {
		s.Fatalf("write: got %d %q, %v", got.status, got.body, got.header)
	}
}

func (s *server) ccQuery(body string) *ccAnswer {
	s.Helper()
	got := s.post("/api/query", body)
	if got.status != http.StatusOK {
		s.Fatalf("%s: got %d %s", body, got.status, got.body)
	}
	return unmarshal[ccAnswer](s, got)
}

// values returns data for comparing: NaN is a gap.
func values(data []*float64) []float64 {
	var out []float64
	for _, v := range data {
		if v == nil {
			out = append(out, math.NaN())
		} else {
			out = append(out, *v)
		}
	}
	return out
}

func sameValues(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || x != x && y != y })
}

// Ensure a range is answered as the reference does for samples that come at
// multiples of the step: from the slot that is nearest to its beginning, or from
// the first sample, to the last.
func TestCCWindow(t *testing.T) {
	s, _ := newCC(t)
	held := map[int64]float64{3: 3, 4: 4, 6: 6, 7: 7}
	for name, step := range map[string]int64{"fast": 10, "odd": 7} {
		for slot, v := range held {
			s.ccWrite(fmt.Sprintf("%s,cluster=c,hostname=n value=%v %d", name, v, slot*step))
		}
		for from := int64(1); from < 9*step; from += 3 {
			for to := from; to < 11*step; to += 8 {
				var want []float64
				begin := max(from, 3*step)
				end := begin
				for ; end < to && (end+step/2)/step <= 7; end += step {
					v, ok := held[(end+step/2)/step]
					if !ok {
						v = math.NaN()
					}
					want = append(want, v)
				}
				got := s.ccQuery(fmt.Sprintf(
					`{"cluster":"c","from":%d,"to":%d,"with-padding":false,"queries":[{"metric":%q,"host":"n"}]}`, from, to, name)).Results[0][0]
				if !sameValues(values(got.Data), want) || got.From != begin || got.To != end || got.Resolution != step {
					t.Fatalf("%s [%d, %d): got %v in [%d, %d) by %d, want %v in [%d, %d)",
						name, from, to, values(got.Data), got.From, got.To, got.Resolution, want, begin, end)
				}
			}
		}
	}
}

// Ensure what a query costs depends on what is held, not on the numbers in it.
func TestCCRangeCostsWhatTheDataCost(t *testing.T) {
	s, _ := newCC(t)
	s.ccWrite("load,cluster=c,hostname=n value=1 1700000040", "load,cluster=c,hostname=n value=2 1700000100")
	var before, after runtime.MemStats
	for _, host := range []string{"n", "nobody"} {
		for _, r := range []string{`"from":0,"to":9000000000000000000`, `"from":-9000000000000000000,"to":9223372036854775807`} {
			runtime.ReadMemStats(&before)
			got := s.ccQuery(fmt.Sprintf(
				`{"cluster":"c",%s,"with-padding":false,"queries":[{"metric":"load","host":%q},{"metric":"load","host":%q}]}`, r, host, host))
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
				t.Errorf("%s of %s: took %d bytes", r, host, n)
			}
			if host == "nobody" {
				if len(got.Results[0]) != 0 {
					t.Errorf("%s of %s: got %v, want nothing", r, host, got.Results)
				}
			} else if x := got.Results[1][0]; !sameValues(values(x.Data), []float64{1, 2}) || x.From != 1700000040 || x.To != 1700000160 {
				t.Errorf("%s: got %v in [%d, %d)", r, values(x.Data), x.From, x.To)
			}
		}
	}
}

// Ensure padding goes from the beginning of the range to the first value, no
// further than the end of the range, and is refused where it would cost too much.
func TestCCPaddingIsBounded(t *testing.T) {
	s, _ := newCC(t)
	s.ccWrite("load,cluster=c,hostname=n value=1 1700000040")
	f := func(from, to int64, nulls, data int, refused bool) {
		t.Helper()
		got := s.ccQuery(fmt.Sprintf(`{"cluster":"c","from":%d,"to":%d,"queries":[{"metric":"load","host":"n"}]}`, from, to)).Results[0][0]
		v := values(got.Data)
		gaps := 0
		for gaps < len(v) && v[gaps] != v[gaps] {
			gaps++
		}
		if gaps != nulls || len(v)-gaps != data || strings.HasPrefix(got.Error, "with-padding: ") != refused {
			t.Errorf("[%d, %d): got %d gaps and %d values, error %q; want %d, %d, %v",
				from, to, gaps, len(v)-gaps, got.Error, nulls, data, refused)
		}
	}
	f(1700000040, 1700000100, 0, 1, false)
	f(1700000040-600, 1700000100, 10, 1, false)
	f(1700000040-599, 1700000100, 10, 1, false)
	f(1700000040-600, 1700000040-300, 5, 0, false) // ends before there is anything
	f(1700000100, 1700000160, 0, 0, false)
	f(1700000040-60*262_144, 1700000100, 262_144, 1, false)
	f(1700000040-60*262_145, 1700000100, 0, 0, true)
	f(0, 9000000000000000000, 0, 0, true)
}

// Ensure the series of children that begin and end at different times, and have
// gaps, is that of those which are there, whatever the order and however often it
// is asked for.
func TestCCChildrenAreMadeOne(t *testing.T) {
	s, _ := newCC(t)
	for _, name := range []string{"flops", "user"} {
		for slot, ids := range map[int64]string{0: "0", 1: "01", 2: "1", 3: "012", 5: "2"} {
			for _, id := range ids {
				s.ccWrite(fmt.Sprintf("%s,cluster=c,hostname=n,type=core,type-id=%c value=%c %d", name, id, id+2, 1700000040+60*slot))
			}
		}
	}
	f := func(name, rest string, want ...float64) {
		t.Helper()
		for range 20 {
			got := s.ccQuery(fmt.Sprintf(`{"cluster":"c","from":1700000040,"to":1700001000,"queries":[{"metric":%q,"host":"n"%s}]}`, name, rest))
			x := got.Results[0][0]
			if x.Error != "" || !sameValues(values(x.Data), want) || x.From != 1700000040 || x.To != 1700000400 {
				t.Fatalf("%s %s: got %q %v in [%d, %d), want %v", name, rest, x.Error, values(x.Data), x.From, x.To, want)
			}
		}
	}
	gap := math.NaN()
	for _, rest := range []string{
		``, `,"type":"core","aggreg":true,"type-ids":["0","1","2"]`, `,"type":"core","aggreg":true,"type-ids":["2","9","0","1"]`,
	} {
		f("flops", rest, 2, 5, 3, 9, gap, 4)
		f("user", rest, 2, 2.5, 3, 3, gap, 4)
	}
}

// Ensure a longer resolution makes no gaps where there are samples, and changes
// no statistics.
func TestCCResolution(t *testing.T) {
	s, st := newCC(t)
	at := selector.Path{Cluster: "c", Node: "n"}
	sum, n := 0.0, 0
	for slot := range int64(2000) {
		if slot%10 == 3 || slot%10 == 4 {
			continue
		}
		v := float64((slot * 7919) % 1009)
		if _, err := st.Write(at, store.Point{Metric: 2, Time: 1_699_999_800 + 60*slot, Value: v}); err != nil {
			t.Fatal(err)
		}
		sum, n = sum+v, n+1
	}
	f := func(resolution, length, step int64, gaps bool) {
		t.Helper()
		got := s.ccQuery(fmt.Sprintf(`{"cluster":"c","from":1699999800,"to":1700119800,"queries":[{"metric":"load","host":"n","resolution":%d}]}`, resolution)).Results[0][0]
		has := slices.Contains(got.Data, nil)
		if int64(len(got.Data)) != length || got.Resolution != step || has != gaps || math.Abs(*got.Avg-sum/float64(n)) > 1e-9 {
			t.Errorf("%d s: got %q, %d values by %d s, gaps %v, average %v; want %d by %d, %v, %v",
				resolution, got.Error, len(got.Data), got.Resolution, has, *got.Avg, length, step, gaps, sum/float64(n))
		}
	}
	f(0, 2000, 60, true)
	f(60, 2000, 60, true)
	f(-5, 2000, 60, true)
	f(600, 200, 600, false)
	f(6000, 21, 6000, false) // the range does not begin with one
}

// Ensure a value comes back with the same 64 bits, scaled or not.
func TestCCFullPrecision(t *testing.T) {
	s, _ := newCC(t)
	want := []float64{0.00004, 1e-9, 1234567.891234, -math.Pi, 1.7e308}
	for i, v := range want {
		s.ccWrite(fmt.Sprintf("load,cluster=c,hostname=n value=%v %d", v, 1700000040+60*i))
	}
	f := func(scale string, by float64) {
		t.Helper()
		got := s.ccQuery(`{"cluster":"c","from":1700000040,"to":1700001000,"queries":[{"metric":"load","host":"n"` + scale + `}]}`).Results[0][0]
		var scaled []float64
		for _, v := range want {
			scaled = append(scaled, v*by)
		}
		if !sameValues(values(got.Data), scaled) || *got.Min != slices.Min(scaled) || *got.Max != slices.Max(scaled) {
			t.Errorf("%q: got %v from %v to %v, want %v", scale, values(got.Data), *got.Min, *got.Max, scaled)
		}
	}
	f(``, 1)
	f(`,"scale-by":0`, 1)
	f(`,"scale-by":0.001`, 0.001)
	f(`,"scale-by":-1`, -1)
}

// Ensure the nodes of a cluster come in order, with their results after those of
// the queries that were asked, also for a node that has none.
func TestCCForAllNodes(t *testing.T) {
	s, _ := newCC(t)
	for _, node := range []string{"n2", "n10", "n1"} {
		s.ccWrite("load,cluster=c,hostname="+node+" value=1 1700000040", "load,cluster=d,hostname="+node+" value=1 1700000040")
	}
	s.ccWrite("flops,cluster=c,hostname=n0 value=1 1700000040")
	for range 5 {
		got := s.ccQuery(`{"cluster":"c","from":1700000040,"to":1700000100,"for-all-nodes":["load","nosuch"],"queries":[{"metric":"load","host":"n1"}]}`)
		var names []string
		for _, q := range got.Queries {
			names = append(names, q.Host+" "+q.Metric)
		}
		want := []string{"n0 load", "n0 nosuch", "n1 load", "n1 nosuch", "n10 load", "n10 nosuch", "n2 load", "n2 nosuch"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Fatalf("queries (-want):\n%s", diff)
		}
		if len(got.Results) != 9 || len(got.Results[1]) != 0 || len(got.Results[3]) != 1 || got.Results[2][0].Error != "[METRICSTORE]> unknown metric: nosuch" {
			t.Fatalf("got %+v", got.Results)
		}
	}
}

// Ensure ("a", "b1") and ("ab", "1") are two levels, and that a name which a
// client has put together is found.
func TestCCNamesAreApart(t *testing.T) {
	s, _ := newCC(t)
	s.ccWrite(
		"load,cluster=c,hostname=n,type=a,type-id=b1 value=1 1700000040",
		"load,cluster=c,hostname=n,type=ab,type-id=1 value=2 1700000040",
		"load,cluster=c,hostname=n,type=socket,type-id=0,stype=memchan,stype-id=3 value=3 1700000040",
		"load,cluster=c,hostname=n,type=node,stype=disk,stype-id=sda value=4 1700000040",
	)
	f := func(rest string, want ...float64) {
		t.Helper()
		got := s.ccQuery(`{"cluster":"c","from":1700000040,"to":1700000100,"queries":[{"metric":"load","host":"n",` + rest + `}]}`).Results[0]
		var all []float64
		for _, x := range got {
			all = append(all, values(x.Data)...)
		}
		if !sameValues(all, want) {
			t.Errorf("%s: got %v, want %v", rest, all, want)
		}
	}
	f(`"type":"a","type-ids":["b1"]`, 1)
	f(`"type":"ab","type-ids":["1"]`, 2)
	f(`"type":"socket","type-ids":["0"],"subtype":"memchan","subtype-ids":["3"]`, 3)
	f(`"type":"","type-ids":["socket0"],"subtype":"","subtype-ids":["memchan3"]`, 3)
	f(`"type":"","type-ids":["socket0"],"subtype":"memchan","subtype-ids":["3","4"]`, 3)
	f(`"type":"","type-ids":["0"],"subtype":"disk","subtype-ids":["sda"]`, 4)
	f(`"type":"node","type-ids":["0"],"subtype":"disk","subtype-ids":["sda"]`, 4)
	f(`"type":"a","type-ids":["","1"]`)
	f(`"type":"","type-ids":[""]`)
}

// Ensure debug's answer is JSON, that ids and nodes with colons can be named, and
// that its pages have everything once.
func TestCCDebug(t *testing.T) {
	s, _ := newCC(t)
	s.ccWrite(
		"load,cluster=c,hostname=n1 value=1 1700000100", "load,cluster=c,hostname=n1 value=1 1700000220",
		"load,cluster=c,hostname=n1 value=1 1700060040", "user,cluster=c,hostname=n1 value=1 1700000040",
		"load,cluster=c,hostname=n1,type=accelerator,type-id=00000000:49:00.0 value=1 1700000040",
		"load,cluster=c,hostname=n1,type=socket,type-id=0,stype=memchan,stype-id=1 value=1 1700000040",
		"load,cluster=c,hostname=host:1094 value=1 1700000040", "load,cluster=d,hostname=n1 value=1 1700000040",
	)
	const one = `[{"start":1700000040,"len":1,"end":1700000100}]`
	const accelerator = `{"load":` + one + `}`
	const n1 = `{"load":[{"start":1700000100,"len":3,"end":1700000280},{"start":1700060040,"len":1,"end":1700060100}],"user":` + one +
		`,"accelerator00000000:49:00.0":` + accelerator + `,"socket0":{"memchan1":{"load":` + one + `}}}`
	f := func(selector, want string) {
		t.Helper()
		got := s.get("/api/debug?selector="+selector, "")
		var have, data any
		if err := json.Unmarshal([]byte(got.body), &have); err != nil || got.status != http.StatusOK {
			t.Errorf("%s: got %d %q: %v", selector, got.status, got.body, err)
			return
		}
		if err := json.Unmarshal([]byte(`{"data":`+want+`}`), &data); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data, have); diff != "" {
			t.Errorf("%s (-want):\n%s", selector, diff)
		}
	}
	f("c:n1", n1)
	f("c:n1:accelerator00000000:49:00.0", accelerator)
	f("c:n1:socket0", `{"memchan1":{"load":`+one+`}}`)
	f("c:n1:socket0:memchan1", `{"load":`+one+`}`)
	f("c:host:1094", `{"load":`+one+`}`)
	f("d", `{"n1":{"load":`+one+`}}`)
	f("", `{"c":{"n1":`+n1+`,"host:1094":{"load":`+one+`}},"d":{"n1":{"load":`+one+`}}}`)
	for _, selector := range []string{"e", "c:n", "c:n1:socket", "c:n1:socket0:memchan1:x", "c:", ":"} {
		if got := s.get("/api/debug?selector="+selector, ""); got.status != http.StatusBadRequest || !strings.Contains(got.body, "not found") {
			t.Errorf("%s: got %d %s, want 400", selector, got.status, got.body)
		}
	}

	var page struct {
		Data any
		Next string
	}
	pages := 0
	for after := ""; ; after = page.Next {
		page.Next = ""
		got := s.get("/api/debug?limit=2&after="+after, "")
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			t.Fatalf("page %d: got %d %q: %v", pages, got.status, got.body, err)
		}
		if n := strings.Count(got.body, "start") - strings.Count(got.body, "1700060040"); n != 2 {
			t.Errorf("page %d has %d series, want 2: %s", pages, n, got.body)
		}
		if pages++; page.Next == "" {
			break
		}
	}
	if pages != 3 {
		t.Errorf("got %d pages of 2 of 6 series, want 3", pages)
	}
	for _, wrong := range []string{"limit=0", "limit=x", "limit=100001", "after=!", "after=e30x"} {
		if got := s.get("/api/debug?"+wrong, ""); got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s, want 400", wrong, got.status, got.body)
		}
	}
}

// Ensure somebody who asks for debug and does not read the answer stops neither
// writers, of old nodes and new ones, nor readers.
func TestCCDebugReaderStopsNobody(t *testing.T) {
	s, st := newCC(t)
	long := strings.Repeat("x", 200)
	for i := range 40_000 { // some 10 MB, more than sockets hold
		at := selector.Path{Cluster: "c", Node: "n", Component: selector.Part{Type: "core", ID: fmt.Sprint(i, long)}}
		if _, err := st.Write(at, store.Point{Metric: 2, Time: 1700000040, Value: 1}); err != nil {
			t.Fatal(err)
		}
	}
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /api/debug?limit=100000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", s.token(auth.Operator))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1024)); err != nil { // it is being written
		t.Fatal(err)
	}
	began := time.Now()
	for i := range 50 {
		s.ccWrite("load,cluster=c,hostname=n value=1 1700000040", fmt.Sprintf("load,cluster=c,hostname=new%d value=1 1700000040", i))
		s.ccQuery(`{"cluster":"c","from":1700000040,"to":1700000100,"for-all-nodes":["load"]}`)
	}
	if got := s.post("/api/free?to=1", `[[]]`); got.status != http.StatusOK {
		t.Errorf("free: got %d %s", got.status, got.body)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v beside the reader", took)
	}
}

// Ensure what ends at or before a time is freed where it was asked for and
// nowhere else, and that nothing is made.
func TestCCFree(t *testing.T) {
	s, _ := newCC(t)
	const old, young = 60 * 512 * 50_000, 60 * 512 * 50_002 // each the first slot of a block
	for _, at := range []string{
		"cluster=c,hostname=n1", "cluster=c,hostname=n1,type=core,type-id=0", "cluster=c,hostname=n1,type=core,type-id=0,stype=t,stype-id=1",
		"cluster=c,hostname=n1,type=core,type-id=1", "cluster=c,hostname=n2", "cluster=d,hostname=n1",
	} {
		s.ccWrite(fmt.Sprintf("load,%s value=1 %d\nload,%s value=1 %d", at, old, at, young))
	}
	f := func(to int64, body string, want int) {
		t.Helper()
		got := s.post(fmt.Sprintf("/api/free?to=%d", to), body)
		if got.status != http.StatusOK || got.body != fmt.Sprintf("buffers freed: %d\n", want) {
			t.Errorf("%s to %d: got %d %q, want %d", body, to, got.status, got.body, want)
		}
	}
	f(old+60*511, `[[]]`, 0) // ends later
	f(young, `[["x"],["c","x"],["c","n1","core7"],["c","n1","core0","t7"],["",""],["c","n1","core0","t1","x"]]`, 0)
	f(young, `[["c","n1","core0","t1"]]`, 1)
	f(young, `[["c","n1","core0"]]`, 1)
	f(young, `[["c","n1"]]`, 2)
	f(young, `[["c"],["c"]]`, 1)
	f(young, `[]`, 0)
	f(young, `[[]]`, 1)
	f(math.MaxInt64, `[["c","n1","core0"]]`, 2)
	for _, selector := range []string{"x", "c:x", "c:n1:core7", "c:n1:core0"} {
		if got := s.get("/api/debug?selector="+selector, ""); got.status != http.StatusBadRequest {
			t.Errorf("%s is there: %s", selector, got.body)
		}
	}
	f(math.MaxInt64, `[[]]`, 4)
	if got := s.get("/api/debug", ""); got.status != http.StatusOK || strings.Contains(got.body, "start") {
		t.Errorf("there is still something: %d %s", got.status, got.body)
	}
}

// Ensure a metric is healthy as long as all its series go on, and that a sample
// from the future does not make it so.
func TestCCHealth(t *testing.T) {
	s, _ := newCC(t)
	line := func(at string, ago int64) string {
		return fmt.Sprintf("flops,cluster=c,hostname=%s value=1 %d", at, ccNow-ago)
	}
	s.ccWrite(line("ok,type=core,type-id=0", 0), line("ok,type=core,type-id=1", 300),
		line("late,type=core,type-id=0", 0), line("late,type=core,type-id=1", 480), line("gone", 3600))
	if got := s.post("/api/write", line("gone", -365*86400)); got.header.Get("Tallystick-Rejected") != "1" {
		t.Errorf("a sample a year ahead: got %d %v", got.status, got.header)
	}
	f := func(nodes, metrics, want string) {
		t.Helper()
		got := s.do(asked{
			method: http.MethodGet, path: "/api/healthcheck",
			body: strings.NewReader(fmt.Sprintf(`{"cluster":"c","nodes":[%s],"metric-names":[%s]}`, nodes, metrics)),
		})
		if got.body = strings.NewReplacer(`\`, ``, "\n", ``).Replace(got.body); got.status != http.StatusOK || got.body != "{"+want+"}" {
			t.Errorf("%s %s: got %d %s, want %s", nodes, metrics, got.status, got.body, want)
		}
	}
	f(`"ok"`, `"flops"`, `"ok":{"State":"full","HealthMetrics":"{"degraded":[],"missing":[]}"}`)
	f(`"late"`, `"flops"`, `"late":{"State":"failed","HealthMetrics":"{"degraded":["flops"],"missing":[]}"}`)
	f(`"gone"`, `"flops"`, `"gone":{"State":"failed","HealthMetrics":"{"degraded":["flops"],"missing":[]}"}`)
	f(`"ok"`, `"flops","load"`, `"ok":{"State":"partial","HealthMetrics":"{"degraded":[],"missing":["load"]}"}`)
	f(`"nobody",""`, `"flops"`, `"":{"State":"failed","HealthMetrics":""},"nobody":{"State":"failed","HealthMetrics":""}`)
	f(``, `"flops"`, ``)
}

// Ensure no refused line goes by in silence, that one does not stop the others,
// and that a body which breaks off is not taken for whole.
func TestCCWriteTells(t *testing.T) {
	s, _ := newCC(t)
	f := func(path, body string, status int, rejected, reason, text string) {
		t.Helper()
		got := s.post(path, body)
		if got.status != status || got.header.Get("Tallystick-Rejected") != rejected ||
			!strings.HasPrefix(got.header.Get("Tallystick-Reason"), reason) {
			t.Errorf("%q: got %d %q %v, want %d, %s %s", body, got.status, got.body, got.header, status, rejected, reason)
		}
		if status == http.StatusOK && got.body != "" || status != http.StatusOK && !strings.Contains(got.body, text) {
			t.Errorf("%q: got %q, want %q in it", body, got.body, text)
		}
	}
	const good = "load,cluster=c,hostname=n value=1 1700000040\n"
	f("/api/write", good, 200, "", "", "")
	f("/api/write/and/so/on", good+"nosuch,cluster=c,hostname=n value=1 1700000040\n"+good, 200, "1", "unknown-metric at line 2:", "")
	f("/api/write", fmt.Sprintf("load,cluster=c,hostname=n value=1 %d\n", ccNow+86400), 200, "1", "future at line 1:", "")
	f("/api/write", "load,cluster=..,hostname=n value=1 1700000040\n"+good, 200, "1", "bad-name at line 1:", "")
	f("/api/write", good+"load,hostname=n value=1 1700000040\n"+good, 400, "1", "no-cluster at line 2:",
		`{"status":"Bad Request","error":"at line 2:`)
	f("/api/write?cluster=c%20d", "load,hostname=n value=1 1700000040\n", 200, "", "", "")
	f("/api/write", "nosuch,cluster=c,hostname=n value=1\nload,cluster=c,hostname=n value=x\nload,cluster=c,hostname=last value=7 1700000040\n",
		400, "2", "unknown-metric at line 1:", "at line 2:")
	f("/api/write?precision=x", good, 400, "1", "precision ", "precision")
	for _, host := range []string{"last", "n"} {
		for _, cluster := range []string{"c", "c d"} {
			got := s.ccQuery(fmt.Sprintf(`{"cluster":%q,"from":1700000040,"to":1700000100,"queries":[{"metric":"load","host":%q}]}`, cluster, host))
			if there := len(got.Results[0]) == 1; there != (cluster == "c" || host == "n") {
				t.Errorf("%s of %s: got %+v", host, cluster, got.Results)
			}
		}
	}
	if text := s.get("/metrics", "").body; strings.Contains(text, "/and/so/on") {
		t.Error("a path that a sender chose is a label")
	}
}

// Ensure a body that breaks off is told as such, with what came before it taken.
func TestCCWriteBrokenBody(t *testing.T) {
	s, _ := newCC(t)
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /api/write HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n%s",
		s.token(auth.Writer), "load,cluster=c,hostname=n value=1 1700000040\nload,cluster=c,hostname=m val")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), `"error":"read body: `) {
		t.Errorf("got %q, %v; want 400 and why", answer, err)
	}
	got := s.ccQuery(`{"cluster":"c","from":1700000040,"to":1700000100,"queries":[{"metric":"load","host":"n"},{"metric":"load","host":"m"}]}`)
	if len(got.Results[0]) != 1 || len(got.Results[1]) != 0 {
		t.Errorf("got %+v, want the line that was whole", got.Results)
	}
}

// Ensure a question that would take memory or time without end is refused.
func TestCCTooMuch(t *testing.T) {
	s, _ := newCC(t)
	s.ccWrite("load,cluster=c,hostname=n value=1 1700000040", "load,cluster=c,hostname=m value=1 1700000040")
	f := func(path, body, want string) {
		t.Helper()
		got := s.do(asked{method: http.MethodPost, path: path, body: strings.NewReader(body)})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%.60s: got %d %.200q, want 400 and %q", body, got.status, got.body, want)
		}
	}
	ids := func(id string, n int) string { return `[` + strings.Repeat(id+",", n-1) + id + `]` }
	query := func(text string) string { return `{"cluster":"c","from":1,"to":2,"queries":[` + text + `]}` }
	f("/api/query", query(strings.Repeat("{},", 1<<18)+"{}"), "queries: are more than 262144")
	f("/api/query", query(`{"type":"a","type-ids":`+ids(`"0"`, 1<<11)+`,"subtype":"b","subtype-ids":`+ids(`"0"`, 1<<12)+`}`), "queries[0]: is more than 4194304 series")
	f("/api/query", query(`{},{"aggreg":true,"type":"a","type-ids":`+ids(`"0"`, 1<<8)+`,"subtype":"b","subtype-ids":`+ids(`"0"`, 1<<9)+`}`), "queries[1]: is a series of more than 65536 levels")
	f("/api/query", query(`{"type":"","type-ids":["`+strings.Repeat("x", 300)+`"],"subtype":"","subtype-ids":["`+strings.Repeat("x", 300)+`"]}`), "queries[0]: is a series of more than 65536 levels")
	f("/api/query", `{"cluster":"c","from":1,"to":2,"for-all-nodes":`+ids(`"load"`, 2_100_000)+`}`, "for-all-nodes: is more than 4194304 series")
	f("/api/query", query(`{}`)[:40]+`{"x":`, `"error":"`)
	got := s.do(asked{
		method: http.MethodGet, path: "/api/healthcheck",
		body: strings.NewReader(`{"cluster":"c","nodes":["a","b","c"],"metric-names":` + ids(`"load"`, 1_400_000) + `}`),
	})
	if got.status != http.StatusBadRequest {
		t.Errorf("healthcheck: got %d %.200s, want 400", got.status, got.body)
	}
}

// Ensure the forms of errors are those of the face, also where there is no such
// method, and below a path.
func TestCCErrors(t *testing.T) {
	s, _ := newCC(t)
	f := func(method, path, body string, status int, kind, want string) {
		t.Helper()
		got := s.do(asked{method: method, path: path, body: strings.NewReader(body)})
		if got.status != status || !strings.HasPrefix(got.header.Get("Content-Type"), kind) || !strings.Contains(got.body, want) {
			t.Errorf("%s %s %q: got %d %v %q, want %d %s %q", method, path, body, got.status, got.header, got.body, status, kind, want)
		}
	}
	const kind = "application/json"
	f("DELETE", "/api/query", "", 405, "text/plain", "Method Not Allowed\n")
	f("GET", "/api/write/x", "", 405, "text/plain", "Method Not Allowed\n")
	f("POST", "/api/debug", "", 405, "text/plain", "Method Not Allowed\n")
	f("GET", "/api/query", "", 400, kind, `{"status":"Bad Request","error":"EOF"}`)
	f("GET", "/api/query/", "[]", 400, kind, `{"status":"Bad Request","error":"`)
	f("POST", "/api/query/x", `{"from":1.5}`, 400, kind, `"error":"from: cannot be a number 1.5"`)
	f("POST", "/api/query", `{"queries":[{"type-ids":[0]}]}`, 400, kind, `type-ids`)
	f("POST", "/api/query", `{"from":1,"to":2,"queries":[{"metric":"load"}]}`, 200, kind, `{"results":[[]]}`)
	f("POST", "/api/query", `{"cluster":"c","from":2,"to":1,"queries":[{"metric":"load","host":"n"}]}`, 200, kind,
		`"error":"[METRICSTORE]> invalid time range"`)
	f("GET", "/api/healthcheck/", `{"x":1}`, 400, kind, `"error":"parsing request body failed: unknown field \"x\""`)
	f("POST", "/api/free", `[]`, 400, kind, `"error":"'to' is a required query parameter"`)
	f("POST", "/api/free?to=1.5", `[]`, 400, kind, `"error":"to: `)
	f("POST", "/api/free?to=1", `{}`, 400, kind, `"error":"`)
	f("POST", "/api/query", strings.Repeat(" ", 16<<20)+"{}", 413, kind, `{"status":"Request Entity Too Large","error":"`)
}

// FuzzCC asks the face anything: it answers in JSON of its form, and is not at
// fault.
func FuzzCC(f *testing.F) {
	for i, body := range []string{
		`{"cluster":"c","from":0,"to":9000000000000000000,"for-all-nodes":["load","flops"],"with-padding":false}`,
		`{"cluster":"c","from":-9223372036854775808,"to":9223372036854775807,"queries":[{"metric":"load","host":"n","resolution":600,"scale-by":null}]}`,
		`{"cluster":"c","from":1700000030,"to":1700000100,"queries":[{"metric":"flops","host":"n","type":"core","type-ids":["0","1"],"aggreg":true}]}`,
		`{"cluster":"c","from":1,"to":2,"queries":[{"metric":"load","host":"n","type":"","type-ids":["0","x"],"subtype":"","subtype-ids":["",":"]}]}`,
	} {
		f.Add(byte(i%2), "", body)
	}
	f.Add(byte(2), "selector=c:n:core0&limit=1", "")
	f.Add(byte(2), "limit=1&after=e30", "")
	f.Add(byte(3), "to=-9223372036854775808", `[["c","n","core0"],[]]`)
	f.Add(byte(4), "", `{"cluster":"c","nodes":["n"],"metric-names":["load"]}`)
	f.Fuzz(func(t *testing.T, what byte, params, body string) {
		table, err := metric.NewTable([]metric.Metric{{Name: "flops", Step: 60, Aggregation: metric.AggSum}, {Name: "load", Step: 60}})
		if err != nil {
			t.Fatal(err)
		}
		st := store.New(table, store.Config{})
		for _, core := range []string{"", "0", "1"} {
			at := selector.Path{Cluster: "c", Node: "n"}
			if core != "" {
				at.Component = selector.Part{Type: "core", ID: core}
			}
			if _, err := st.Write(at, store.Point{Metric: 0, Time: 1700000040, Value: 1}, store.Point{Metric: 1, Time: 1700000100, Value: 1}); err != nil {
				t.Fatal(err)
			}
		}
		path := []string{"/api/query", "/api/query", "/api/debug", "/api/free", "/api/healthcheck"}[what%5]
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.URL.RawQuery = params
		w := httptest.NewRecorder()
		httpapi.CCHandler(httpapi.Compat{
			Table: table, Store: st, Reader: query.New(st, table, query.Config{}).Reader, Now: time.Now, Free: freeIn(st),
		}).ServeHTTP(w, r)
		got := w.Body.Bytes()
		switch {
		case w.Code == http.StatusBadRequest:
			var e struct{ Status, Error string }
			if err := json.Unmarshal(got, &e); err != nil || e.Status != "Bad Request" || e.Error == "" {
				t.Errorf("got %q: %v", got, err)
			}
		case w.Code != http.StatusOK || path != "/api/free" && !json.Valid(got):
			t.Errorf("got %d %q", w.Code, got)
		}
	})
}
