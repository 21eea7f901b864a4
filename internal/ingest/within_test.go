package ingest_test

import (
	"testing"

	"tallystick/internal/auth"
	"tallystick/internal/ingest"
)

// Ensure lines of other clusters are refused, each with its place, and the others taken; also
// where the key of the line is known from a sender who may send it, and where the request names
// the cluster.
func TestLinesWithin(t *testing.T) {
	x := newFixture(t, ingest.Default(), silent)
	within := &auth.Bounds{Clusters: []string{"a"}}
	f := func(body string, o ingest.LineOptions, want string) {
		t.Helper()
		if got := result(x.Lines(t.Context(), []byte(body), o)); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	b := "cpu_load,cluster=b,host=h value=1 1699999980\n"
	f(b, ingest.LineOptions{}, "1/0") // its key is known now
	f("cpu_load,cluster=a,host=h value=1 1699999980\n"+b+"mem_used,cluster=b,host=h x=1,y=2 1699999980\ncpu_load,cluster=a,host=h value=2 1700000040",
		ingest.LineOptions{Within: within, Fields: ingest.AllFields}, "2/3 1:2:0:bound 2:3:0:bound 3:3:0:bound")
	f("cpu_load,host=h value=3 1700000100", ingest.LineOptions{Within: within, Cluster: "a"}, "1/0")
	f("cpu_load,host=h value=4 1700000100", ingest.LineOptions{Within: within, Cluster: "b"}, "0/1 0:1:0:bound")
	f("cpu_load,host=h,cluster=b value=4 1700000100", ingest.LineOptions{Within: within, Cluster: "a"}, "0/1 0:1:0:bound")
	f(b, ingest.LineOptions{}, "1/0") // the bound was that of the other requests
	x.want("within", "a/h cpu_load 1699999980=1 1700000040=2 1700000100=3", "b/h cpu_load 1699999980=1")
}
