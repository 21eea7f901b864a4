package ingest_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/transfer"
)

// What was seen of servers is in the state, and what was told under a placeholder
// takes the server's name.
func TestStateHasServers(t *testing.T) {
	f := newFixture(t, ingest.Default(), silent)
	at := noon().Unix()
	f.out.Loss(transfer.Loss{SID: 5, Stod: 1, Server: "192.0.2.1#5", Of: transfer.FilePackets, Count: 2, Sent: transfer.Interval{at, at}})
	f.out.Life(transfer.Life{SID: 5, Stod: 1, Server: "192.0.2.1#5", Heard: at})
	f.out.Event(transfer.Event{ID: "5.1.pfc.1", SID: 5, Stod: 1, Server: "192.0.2.1#5", Path: "/x", At: transfer.Interval{at, at}, Bytes: 3, Record: "{}"})
	f.out.Balance(transfer.Balance{SID: 5, Stod: 1, Server: "192.0.2.1#5", Between: transfer.Interval{at, at + 9}, Reports: 1, Out: 7})
	f.out.Server(collect.Server{SID: 5, Site: "S", Name: "x:1", Address: "192.0.2.1:1", Names: []string{"192.0.2.1#5", "x:1"}})
	state, err := f.State()
	if err != nil {
		t.Fatal(err)
	}
	again := newFixture(t, ingest.Default(), silent)
	for _, e := range state {
		if err := again.Restore(noon(), e); err != nil {
			t.Fatal(err)
		}
	}
	type all struct {
		Losses   []transfer.Loss
		Lives    []transfer.Life
		Events   []transfer.Event
		Balances []transfer.Balance
	}
	has := func(f *fixture) all {
		return all{
			f.ledger.Losses("x:1", math.MinInt64, math.MaxInt64), f.ledger.Lives("x:1", math.MinInt64, math.MaxInt64),
			f.ledger.Events("x:1", "/x", math.MinInt64, math.MaxInt64), f.ledger.Balances("x:1", math.MinInt64, math.MaxInt64),
		}
	}
	want := has(f)
	if len(want.Losses) != 1 || len(want.Lives) != 1 || len(want.Events) != 1 || len(want.Balances) != 1 {
		t.Fatalf("got %+v, want one of each", want)
	}
	if d := cmp.Diff(want, has(again)); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
}

// A sample is at the client, at the server, or at the one that the server sends to.
func TestPlaces(t *testing.T) {
	f := newFixture(t, ingest.Default(), silent)
	for place, client := range map[collect.Place]string{collect.AtClient: "c", collect.AtServer: "", collect.AtTarget: "Disk1"} {
		f.out.Sample(collect.Sample{Site: "S", Server: "x:1", Client: client, At: place, Metric: "xrd_redirects", Time: noon().Unix(), Value: 1})
	}
	f.want(
		"places",
		"S/x:1 xrd_redirects 1699999980=1",
		"S/x:1/client=c xrd_redirects 1699999980=1",
		"S/x:1/target=disk1 xrd_redirects 1699999980=1",
	)
}

// The ratio of a balance is in the store where enough moved to have one.
func TestRatios(t *testing.T) {
	f := newFixture(t, ingest.Default(), silent)
	at := noon().Unix()
	for i, out := range []int64{30 << 20, 5 << 20, 100} {
		from := at + int64(i-3)*60
		f.out.Balance(transfer.Balance{
			SID: 5, Stod: 1, Site: "S", Server: "x:1", Between: transfer.Interval{from, from + 60},
			Out: out, Told: transfer.Bytes{Read: out / 4}, In: 100,
		})
	}
	f.want("ratios", "S/x:1 xrd_read_ratio 1699999860=4 1699999920=4")
}
