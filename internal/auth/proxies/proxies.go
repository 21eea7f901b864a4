// Package proxies knows from where a request really comes.
package proxies

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Trusted are networks whose hosts are believed what they say of others: that they have passed
// on a request of an address (X-Forwarded-For, X-Real-IP). Without any, nobody is believed.
type Trusted []netip.Prefix

// Parse reads addresses and networks such as 192.0.2.1 and 2001:db8::/32.
func Parse(texts []string) (Trusted, error) {
	var out Trusted
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if a, errAddr := netip.ParseAddr(text); errAddr == nil {
			p, err = a.Unmap().Prefix(a.Unmap().BitLen())
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (t Trusted) has(a netip.Addr) bool {
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Of returns the address that a request comes from; the zero one if there is none, as on a unix
// socket. Of those that passed it on, the last that is not trusted is believed to be the
// sender: what stands before it is what the sender says itself.
func (t Trusted) Of(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := peer.Addr().Unmap().WithZone("")
	hops := forwarded(r.Header)
	for t.has(from) && len(hops) > 0 {
		last, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
		if err != nil {
			return from
		}
		from, hops = last.Unmap().WithZone(""), hops[:len(hops)-1]
	}
	return from
}

// forwarded returns who a request was passed on for, the nearest last.
func forwarded(h http.Header) []string {
	if all := h.Values("X-Forwarded-For"); len(all) > 0 {
		return strings.Split(strings.Join(all, ","), ",")
	}
	return h.Values("X-Real-Ip")
}
