package record

import (
	"net/netip"
	"strconv"
	"strings"

	"tallystick/internal/transfer"
)

// unknownDirectory is what both collectors call a directory that they have no rule for.
const unknownDirectory = "unknown directory"

// times returns when t began and ended, Unix seconds. Of an interval it is the
// beginning, as the Python collector has it. Of an open record that never came
// nothing is known but the close.
func times(t *transfer.Transfer) (start, end int64) {
	start, end = t.Opened[0], t.Closed[0]
	if t.Size < 0 {
		start = t.Opened[1]
	}
	if !t.Closed.Known() {
		end = t.Opened[1]
	}
	if !t.Opened.Known() {
		start = end
	}
	return start, max(start, end)
}

// closeSeen returns 1 if a close record came, else 0.
func closeSeen(t *transfer.Transfer) int {
	if t.End == transfer.Closed || t.End == transfer.Forced {
		return 1
	}
	return 0
}

// address takes the server's address apart; port is empty if it is not known.
func address(t *transfer.Transfer) (ip, port string) {
	if ap, err := netip.ParseAddrPort(t.Address); err == nil {
		return ap.Addr().String(), strconv.Itoa(int(ap.Port()))
	}
	return strings.Trim(t.Address, "[]"), ""
}

// serverID returns "start#address#port", with the last separator as wanted.
func serverID(t *transfer.Transfer, separator string) string {
	ip, port := address(t)
	stod, _, _ := t.Order()
	if separator == ":" && strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	id := strconv.FormatInt(stod, 10) + "#" + ip
	if port != "" {
		id += separator + port
	}
	return id
}

// hostname returns the host of the server's name, its address if it did not name itself.
func hostname(t *transfer.Transfer) string {
	host := t.Server
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	if host == "" || strings.Contains(host, "#") {
		host, _ = address(t)
	}
	return strings.Trim(host, "[]")
}

// clientHost returns the client as XRootD writes it: an address in brackets, and an IPv4
// one as part of IPv6.
func clientHost(t *transfer.Transfer) string {
	ip, err := netip.ParseAddr(t.Client)
	switch {
	case err != nil:
		return t.Client
	case ip.Is4():
		return "[::ffff:" + t.Client + "]"
	}
	return "[" + t.Client + "]"
}

// isIPv6 reports whether the client came over IPv6.
func isIPv6(t *transfer.Transfer) bool {
	ip, err := netip.ParseAddr(t.Client)
	return t.IPv6 || err == nil && ip.Is6()
}

// clientDomain returns the last two labels of the client's name, nothing of an address.
func clientDomain(t *transfer.Transfer) string {
	if _, err := netip.ParseAddr(t.Client); err == nil {
		return ""
	}
	return domain(t.Client)
}

// domain returns the last two labels of a name that has two or more.
func domain(name string) string {
	labels := strings.Split(name, ".")
	if len(labels) < 2 {
		return ""
	}
	return strings.Join(labels[len(labels)-2:], ".")
}

// directories returns the first directory of a path, the first two, and what stands for
// whose data it is. The last component counts as a directory, as it does with both
// collectors. The rules for the third are OSG's.
func directories(path string) (first, second, logical string) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	up := func(n int) string { return "/" + strings.Join(parts[:min(n, len(parts))], "/") }
	for _, rule := range [...]struct {
		prefix string
		depth  int
	}{
		{"/user", 2},
		{"/osgconnect/public", 3},
		{"/osgconnect/protected", 3},
		{"/ospool/PROTECTED", 3},
		{"/ospool", 4},
		{"/path-facility", 3},
		{"/hcc", 5},
		{"/pnfs/fnal.gov/usr", 4},
		{"/gwdata", 2},
		{"/chtc/", 1},
		{"/icecube/", 1},
		{"/igwn", 3},
		{"/store", 2},
	} {
		if strings.HasPrefix(path, rule.prefix) {
			return up(1), up(2), up(rule.depth)
		}
	}
	return up(1), up(2), unknownDirectory
}

// average returns the size of an operation, 0 if there was none.
func average(bytes, ops int64) float64 {
	if ops == 0 {
		return 0
	}
	return float64(bytes) / float64(ops)
}
