package httpapi

import (
	"math"
	"net/http"

	"tallystick/internal/reconcile"
	"tallystick/internal/transfer"
)

// A serverList is the answer of /api/v1/servers.
type serverList struct {
	Servers []transfer.Life `json:"servers"`
}

// A lossList is the answer of /api/v1/losses.
type lossList struct {
	Losses []transfer.Loss `json:"losses"`
}

func (a *API) servers(w http.ResponseWriter, r *http.Request) error {
	return ofServers(w, r, a.parts.Ledger.Lives, func(ls []transfer.Life) any { return &serverList{list(ls)} })
}

func (a *API) losses(w http.ResponseWriter, r *http.Request) error {
	return ofServers(w, r, a.parts.Ledger.Losses, func(ls []transfer.Loss) any { return &lossList{list(ls)} })
}

// An eventList is the answer of /api/v1/events.
type eventList struct {
	Events []transfer.Event `json:"events"`
}

func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	of := func(server string, from, to int64) []transfer.Event {
		return a.parts.Ledger.Events(server, r.URL.Query().Get("path"), from, to)
	}
	return ofServers(w, r, of, func(es []transfer.Event) any { return &eventList{list(es)} })
}

// A balanceList is the answer of /api/v1/balances.
type balanceList struct {
	Balances []reconcile.Result `json:"balances"`
}

func (a *API) balances(w http.ResponseWriter, r *http.Request) error {
	return ofServers(w, r, a.parts.Ledger.Balances, func(bs []transfer.Balance) any {
		out := balanceList{[]reconcile.Result{}}
		for _, b := range reconcile.Sum(bs) {
			out.Balances = append(out.Balances, a.parts.Reconcile.Check(b))
		}
		return &out
	})
}

// ofServers answers with what of gives for the request's server and time, as form
// has it. It is at most some MB: the ledger holds few of either.
func ofServers[T any](w http.ResponseWriter, r *http.Request, of func(server string, from, to int64) []T, form func([]T) any) error {
	f, err := filter(r.URL.Query())
	if err != nil {
		return err
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if f.From != 0 {
		from = f.From
	}
	if f.To != 0 {
		to = f.To - 1 // the parameter is the first second that is not asked for
	}
	return answer(w, http.StatusOK, form(of(f.Server, from, to)))
}
