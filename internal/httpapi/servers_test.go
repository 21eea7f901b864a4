package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/httpapi"
	"tallystick/internal/reconcile"
	"tallystick/internal/transfer"
)

// Ensure lives and losses are told by server and time, and that there may be none.
func TestServers(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	old := transfer.Life{SID: 5, Stod: 1000, Server: "a:1", Address: "192.0.2.1:1", Heard: 1100, Last: 1090, Next: 1200, Opens: 3}
	now := transfer.Life{SID: 5, Stod: 1200, Server: "a:1", Address: "192.0.2.1:1", Heard: 1300}
	other := transfer.Life{SID: 6, Stod: 1000, Server: "b:1", Address: "192.0.2.2:1", Heard: 1300}
	lost := transfer.Loss{SID: 5, Stod: 1000, Server: "a:1", Of: transfer.FilePackets, Count: 2, Sent: transfer.Interval{1050, 1055}}
	f := func(query string, lives []transfer.Life, losses []transfer.Loss) {
		t.Helper()
		got := unmarshal[struct{ Servers []transfer.Life }](s, s.get("/api/v1/servers"+query, ""))
		if diff := cmp.Diff(lives, got.Servers); diff != "" {
			t.Errorf("servers%s (-want +got):\n%s", query, diff)
		}
		was := unmarshal[struct{ Losses []transfer.Loss }](s, s.get("/api/v1/losses"+query, ""))
		if diff := cmp.Diff(losses, was.Losses); diff != "" {
			t.Errorf("losses%s (-want +got):\n%s", query, diff)
		}
	}
	no, none := []transfer.Life{}, []transfer.Loss{}
	f("", no, none)
	for _, l := range []transfer.Life{other, now, old} {
		s.ledger.PutLife(l)
	}
	s.ledger.PutLoss(lost)
	f("", []transfer.Life{old, now, other}, []transfer.Loss{lost})
	f("?server=A:1", []transfer.Life{old, now}, []transfer.Loss{lost})
	f("?server=192.0.2.2:1", []transfer.Life{other}, none)
	f("?server=a:1&to=1200", []transfer.Life{old}, []transfer.Loss{lost})
	f("?server=a:1&from=1056&to=1100", []transfer.Life{old}, none)
	f("?server=a:1&from=1201", []transfer.Life{now}, none)
	f("?to=1000", no, none)
	s.wantError(s.get("/api/v1/servers?from=2&to=1", ""), http.StatusBadRequest, "bad_request", "to")
}

// Ensure events are told by server, path and time.
func TestEvents(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	e := transfer.Event{
		ID: "5.1000.pfc.1", Provider: transfer.PFC, SID: 5, Stod: 1000, Server: "a:1", Address: "192.0.2.1:1",
		At: transfer.Interval{1050, 1055}, Path: "/x", Bytes: 7, Record: `{"event":"file_close"}`,
	}
	s.ledger.PutEvent(e)
	f := func(query string, want ...transfer.Event) {
		t.Helper()
		got := unmarshal[struct{ Events []transfer.Event }](s, s.get("/api/v1/events"+query, ""))
		if diff := cmp.Diff(append([]transfer.Event{}, want...), got.Events); diff != "" {
			t.Errorf("events%s (-want +got):\n%s", query, diff)
		}
	}
	f("", e)
	f("?server=a:1&path=/x&from=1055&to=1056", e)
	f("?path=/y")
	f("?to=1050")
}

// Ensure balances are one for each life over the hours that are asked for, with their
// ratio.
func TestBalances(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	const hour = 3600
	for i := range int64(3) {
		s.ledger.PutBalance(transfer.Balance{
			SID: 5, Stod: 1, Site: "S", Server: "a:1", Address: "192.0.2.1:1", Between: transfer.Interval{i * hour, i*hour + 60}, Reports: 1,
			Out: 30 << 20, Told: transfer.Bytes{Read: 10 << 20}, Closes: 1, Opens: 1, Closing: true, Empty: i / 2,
		})
	}
	f := func(query string, reports int64, ratio float64, cause transfer.Cause) {
		t.Helper()
		got := unmarshal[struct{ Balances []reconcile.Result }](s, s.get("/api/v1/balances"+query, ""))
		if len(got.Balances) != 1 {
			t.Fatalf("balances%s: got %+v, want one", query, got)
		}
		b := got.Balances[0]
		if b.Reports != reports || b.Read.Ratio != ratio || b.Read.Cause != cause || b.Server != "a:1" {
			t.Errorf("balances%s: got %+v, want %d reports, ratio %v, cause %q", query, b, reports, ratio, cause)
		}
	}
	f("", 3, 3, "killed-client")
	f("?server=A:1&to=7200", 2, 3, "unexplained")
	f("?from=7200", 1, 3, "killed-client")
	if got := unmarshal[struct{ Balances []reconcile.Result }](s, s.get("/api/v1/balances?server=b:1", "")); got.Balances == nil || len(got.Balances) != 0 {
		t.Errorf("got %v of another server, want an empty list", got.Balances)
	}
}

// Ensure advice is of the newest life of the server that is named or numbered.
func TestAdvice(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	s.ledger.PutLife(transfer.Life{SID: 5, Stod: 1000, Server: "a:1", Address: "192.0.2.1:1", Next: 2000, Heard: 1900, Habits: transfer.Habits{First: 1001}})
	s.ledger.PutLife(transfer.Life{
		SID: 5, Stod: 2000, Server: "a:1", Address: "192.0.2.1:1", Heard: 2100, Last: 2090, Idents: 1, Logins: 1, Opens: 3, Named: 3, Discs: 1,
		Habits: transfer.Habits{First: 2001, Site: "S"},
	})
	s.ledger.PutBalance(transfer.Balance{
		SID: 5, Stod: 2000, Server: "a:1", Between: transfer.Interval{2000, 2060}, Out: 30 << 20, Told: transfer.Bytes{Read: 3 << 20},
		Closing: true, Proxy: true,
	})
	for _, id := range []string{"5", "a:1", "192.0.2.1:1"} {
		got := unmarshal[struct {
			Server string
			Stod   int64
			Advice []struct{ Code, Severity, What, Directive, Evidence string }
		}](s, s.get("/api/v1/servers/"+id+"/advice", ""))
		if got.Server != "a:1" || got.Stod != 2000 || len(got.Advice) != 2 ||
			got.Advice[0].Code != "no-xfr" || got.Advice[1].Code != "async-io" || !strings.Contains(got.Advice[1].Evidence, "10 times") {
			t.Errorf("%s: got %+v, want no-xfr and async-io of the life of 2000", id, got)
		}
	}
	s.wantError(s.get("/api/v1/servers/6/advice", ""), http.StatusNotFound, "not_found", "")
}

// Ensure names are told where they are known, and what may be known soon.
func TestNames(t *testing.T) {
	s := newServer(t, httpapi.Config{})
	type names struct {
		Names   map[string]string
		Pending []string
	}
	f := func(addresses string, want names) {
		t.Helper()
		got := unmarshal[names](s, s.get("/api/v1/names?addresses="+addresses, ""))
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", addresses, diff)
		}
	}
	f("192.0.2.1,192.0.2.2,192.0.2.3", names{map[string]string{"192.0.2.1": "node1"}, []string{"192.0.2.3"}})
	f("192.0.2.2", names{map[string]string{}, []string{}})
	s.wantError(s.get("/api/v1/names", ""), http.StatusBadRequest, "bad_request", "addresses")
}
