package httpapi

import (
	"cmp"
	"fmt"
	"net/http"

	"tallystick/internal/auth"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/transfer"
)

// What a caller may write who is bound to clusters, sites or a client. Of each input
// that is outside, the place and the reason are told, and the others are taken.
//
//   - A line is of the cluster that it, or the request, names.
//   - A packet is of the sites that the operator has named (collect.servers) for the
//     address that it comes from. What the server itself says comes in other packets,
//     and it may say anything.
//   - A claim is of its client, or of its agent where it names no client.

// boundsOf returns the bounds of the caller.
func boundsOf(r *http.Request) auth.Bounds {
	u, _ := auth.From(r.Context())
	return u.Bounds
}

// lineBound returns the bounds of the caller for ingest, nil if there are none.
func lineBound(r *http.Request) *auth.Bounds {
	if b := boundsOf(r); b.Any() {
		return &b
	}
	return nil
}

// packetBound returns what refuses packets, nil if none is.
func (a *API) packetBound(r *http.Request) func(collect.Packet) *inputError {
	b := boundsOf(r)
	if !b.Any() {
		return nil
	}
	return func(p collect.Packet) *inputError {
		if b.Servers(a.parts.Sites(p.Remote)) {
			return nil
		}
		return outside("packets of %q: collect.servers names no site, or another, for this address", p.Remote)
	}
}

// claimBound returns what refuses claims, nil if none is.
func claimBound(r *http.Request) func(*transfer.Claim) *inputError {
	b := boundsOf(r)
	if !b.Any() {
		return nil
	}
	return func(c *transfer.Claim) *inputError {
		if c == nil || b.Claims(cmp.Or(c.Client, c.Agent)) { // what is none is refused for that
			return nil
		}
		return outside("claims of %q", cmp.Or(c.Client, c.Agent))
	}
}

func outside(format, name string) *inputError {
	return &inputError{ingest.ReasonBound, "the sender may not send " + fmt.Sprintf(format, clipped(name))}
}

// clipped returns a name for people, not too much of it.
func clipped(name string) string {
	const most = 100
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}

// bounded returns a decoder of what is within the bound; nil is no bound.
func bounded[T any](decode func([]byte) (T, *inputError), bound func(T) *inputError) func([]byte) (T, *inputError) {
	if bound == nil {
		return decode
	}
	return func(raw []byte) (T, *inputError) {
		item, bad := decode(raw)
		if bad == nil {
			bad = bound(item)
		}
		return item, bad
	}
}
