package httpapi

import (
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
)

// pageSize is how many entries a page has where the caller does not say.
const pageSize = 1000

func (a *API) transfers(w http.ResponseWriter, r *http.Request) error {
	return entries(w, r, "transfers", a.parts.Ledger.AllTransfers, func(t *transfer.Transfer) ledger.Cursor {
		return ledger.TransferCursor(t)
	})
}

func (a *API) claims(w http.ResponseWriter, r *http.Request) error {
	return entries(w, r, "claims", a.parts.Ledger.AllClaims, func(c *transfer.Claim) ledger.Cursor {
		return ledger.ClaimCursor(c)
	})
}

// entries answers with what all gives for the request's filter, as a page or, one
// per line, as a stream.
func entries[T any](
	w http.ResponseWriter, r *http.Request, name string,
	all func(ledger.Filter) iter.Seq[T], cursor func(T) ledger.Cursor,
) error {
	kind, err := accept(r, typeJSON, typeNDJSON)
	if err != nil {
		return err
	}
	f, err := filter(r.URL.Query())
	if err != nil {
		return err
	}
	if kind == typeNDJSON {
		return stream(newEncoder(w, typeNDJSON), all(f))
	}
	if f.Limit == 0 {
		f.Limit = pageSize
	}
	return page(newEncoder(w, typeJSON), name, f, all, cursor)
}

func stream[T any](e *encoder, all iter.Seq[T]) error {
	for v := range all {
		if err := e.line(v); err != nil {
			return err
		}
	}
	return e.Flush()
}

// page writes at most f.Limit entries, and where the next page begins if there
// is one more entry.
func page[T any](
	e *encoder, name string, f ledger.Filter,
	all func(ledger.Filter) iter.Seq[T], cursor func(T) ledger.Cursor,
) error {
	left := f.Limit
	f.Limit++
	var last T
	next := ""
	e.text(`{"` + name + `":[`)
	for v := range all(f) {
		if left == 0 {
			next = cursor(last).String()
			break
		}
		if left < f.Limit-1 {
			e.text(",")
		}
		if err := e.line(v); err != nil {
			return err
		}
		last = v
		left--
	}
	e.text("]")
	if next != "" {
		e.text(`,"next":"` + next + `"`) // a cursor needs no quoting
	}
	e.text("}\n")
	return e.Flush()
}

// filter returns the filter that the parameters make. The contract has been held
// against them.
func filter(q url.Values) (ledger.Filter, error) {
	f := ledger.Filter{
		Run: q.Get("run"), Site: q.Get("site"), Server: q.Get("server"),
		Client: q.Get("client"), User: q.Get("user"), Path: q.Get("path"),
	}
	for name, n := range map[string]*int64{"from": &f.From, "to": &f.To} {
		if err := number(q, name, n); err != nil {
			return f, err
		}
	}
	if f.To != 0 && f.To <= f.From {
		return f, refuse("to", "is not after from")
	}
	limit := int64(0)
	if err := number(q, "limit", &limit); err != nil {
		return f, err
	}
	f.Limit = int(limit)
	after, err := ledger.ParseCursor(q.Get("after"))
	if err != nil {
		return f, refuse("after", err.Error())
	}
	f.After = after
	return f, nil
}

func number(q url.Values, name string, into *int64) error {
	if !q.Has(name) {
		return nil
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil {
		return refuse(name, "is not an integer of 64 bits")
	}
	*into = n
	return nil
}
