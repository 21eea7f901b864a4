package forward

import (
	"tallystick/internal/bus"
	"tallystick/internal/ledger"
	"tallystick/internal/record"
	"tallystick/internal/transfer"
)

// An item is a transfer that has ended, or an event, on its way.
type item struct {
	place ledger.Place
	id    bus.ID                 // the transfer's ID and its revision, or the event's
	skip  string                 // why the output leaves it out; empty: it does not
	body  func() ([]byte, error) // its record
}

// told returns a page of what the output may send, up to a number.
func (w *Worker) told(upTo int64) (page []item) {
	if !w.cfg.Of.events() {
		for _, t := range w.ledger.Told(w.at.Place, upTo, pageSize) {
			page = append(page, w.ofTransfer(t))
		}
		return page
	}
	for _, e := range w.ledger.ToldEvents(string(w.cfg.Of), w.at.Place, upTo, pageSize) {
		page = append(page, w.ofEvent(&e))
	}
	return page
}

func (w *Worker) ofTransfer(t *transfer.Transfer) item {
	return item{
		place: ledger.PlaceOf(t), id: bus.ID{Source: t.ID, Number: uint64(max(t.Revision, 0))}, skip: w.leaves(t),
		body: func() ([]byte, error) { return record.Encode(w.cfg.Form, t, w.all.WLCG.Producer) },
	}
}

func (w *Worker) ofEvent(e *transfer.Event) item {
	return item{
		place: ledger.PlaceOfEvent(e), id: bus.ID{Source: e.ID, Number: 1}, skip: w.leavesEvent(e),
		body: func() ([]byte, error) { return record.EncodeEvent(w.cfg.Form, e, w.all.WLCG.Producer) },
	}
}

// The reasons for which an output leaves something out, as labels.
const (
	byRoute = "route"
	byVO    = "vo"
	byPath  = "path"
)

// leaves returns why the output leaves t out; empty: it does not.
func (w *Worker) leaves(t *transfer.Transfer) string {
	switch {
	case !w.cfg.Route.Takes(w.all.WLCG.Selects(t)):
		return byRoute
	case record.Rule{VOs: w.cfg.DropVOs}.Selects(t):
		return byVO
	case record.Rule{PathPrefixes: w.cfg.DropPathPrefixes}.Selects(t):
		return byPath
	}
	return ""
}

// leavesEvent does so of e, which tells no organisation.
func (w *Worker) leavesEvent(e *transfer.Event) string {
	switch {
	case !w.cfg.Route.Takes(w.all.WLCG.SelectsPath(e.Path)):
		return byRoute
	case record.Rule{PathPrefixes: w.cfg.DropPathPrefixes}.SelectsPath(e.Path):
		return byPath
	}
	return ""
}
