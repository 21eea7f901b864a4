package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"tallystick/internal/advice"
	"tallystick/internal/reconcile"
	"tallystick/internal/transfer"
)

// A serverAdvice is the answer of /api/v1/servers/{id}/advice.
type serverAdvice struct {
	Server string        `json:"server"`
	SID    uint64        `json:"sid"`
	Stod   int64         `json:"stod"`
	Advice []advice.Item `json:"advice"`
}

func (a *API) advice(w http.ResponseWriter, r *http.Request) error {
	id := mux.Vars(r)["id"]
	l := a.newestLife(id)
	if l == nil {
		return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("no server %q is known", id)}
	}
	items := advice.Default().Of(l, a.link(l))
	return answer(w, http.StatusOK, &serverAdvice{l.Server, l.SID, l.Stod, list(items)})
}

// newestLife returns the newest life of the server with that sid or name, nil if there
// is none.
func (a *API) newestLife(id string) (newest *transfer.Life) {
	name := id
	sid, err := strconv.ParseUint(id, 10, 64)
	if err == nil {
		name = ""
	}
	for _, l := range a.parts.Ledger.Lives(name, math.MinInt64, math.MaxInt64) {
		if err == nil && l.SID != sid {
			continue
		}
		if newest == nil || l.Stod > newest.Stod {
			newest = &l
		}
	}
	return newest
}

// link returns what went over the links of l.
func (a *API) link(l *transfer.Life) advice.Link {
	for _, b := range reconcile.Sum(a.parts.Ledger.Balances(l.Server, l.Stod, math.MaxInt64)) {
		if b.SID == l.SID && b.Stod == l.Stod {
			r := a.parts.Reconcile.Check(b)
			return advice.Link{Ratio: r.Read.Ratio, Cause: r.Read.Cause}
		}
	}
	return advice.Link{}
}
