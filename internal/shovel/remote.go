package shovel

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// mapAll is the key of Config.Map that has all addresses.
const mapAll = "all"

// A mapping says what stands for addresses.
type mapping struct {
	all  string
	nets []mapped // the longest first
}

type mapped struct {
	from netip.Prefix
	to   string
}

// newMapping reads Config.Map.
func newMapping(text map[string]string) (m mapping, err error) {
	for _, key := range slices.Sorted(maps.Keys(text)) {
		if key == mapAll {
			m.all = text[key]
			continue
		}
		p, err := parseNetwork(key)
		if err != nil {
			return mapping{}, err
		}
		m.nets = append(m.nets, mapped{p, text[key]})
	}
	slices.SortStableFunc(m.nets, func(a, b mapped) int { return b.from.Bits() - a.from.Bits() })
	return m, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address, nor a network such as 192.0.2.0/24, nor %q", text, mapAll)
	}
	return p.Masked(), nil
}

// remote returns what stands in messages for address:port.
func (m mapping) remote(from string) string {
	if m.all == "" && len(m.nets) == 0 {
		return from
	}
	at, err := netip.ParseAddrPort(from)
	if err != nil {
		return from
	}
	to := m.all
	for _, n := range m.nets {
		if n.from.Contains(at.Addr().Unmap()) {
			to = n.to
			break
		}
	}
	if to == "" {
		return from
	}
	return net.JoinHostPort(to, strconv.Itoa(int(at.Port())))
}
