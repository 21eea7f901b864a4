package collect

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tallystick/internal/xrootd"
)

// Unknown is the site of servers that do not name theirs.
const Unknown = "UNKNOWN"

// A server is what is known of a sid. It outlives its lives.
type server struct {
	Server

	Ident xrootd.Ident
	Host  string   // as the ident has it
	IPs   []string // where its datagrams come from, sorted

	Named int64 // stod of the life that its name is from

	lives   int     // that are held
	order   []*life // those whose start can be true, by start
	revived *life   // the one that lives although one that began later is known
	calls   []caller
}

// maxIPs is how many addresses of one server are remembered: more than a machine
// has, fewer than a forger can make up.
const maxIPs = 16

// identify takes an ident record. One of a g-stream of its own, as text, may
// leave things out, and stands behind the binary one.
func (c *Collector) identify(l *life, m *xrootd.Map) error {
	id, err := xrootd.ParseIdent(m.Rest)
	if err != nil {
		return err
	}
	s := l.server
	if l.Stod < s.Named { // late, of an earlier life
		return nil
	}
	if c.gram.Header.Text && (id.Port == 0 || m.User().Host == "" || s.Ident.Port != 0) {
		return nil
	}
	s.Ident, s.Host, s.Named = id, joinHost(strings.Clone(m.User().ClientHost())), l.Stod
	c.rename(s)
	return nil
}

// address notes an address that datagrams of s come from.
func (c *Collector) address(s *server, ip string) {
	i, known := slices.BinarySearch(s.IPs, ip)
	if known || len(s.IPs) == maxIPs {
		return
	}
	s.IPs = slices.Insert(s.IPs, i, ip)
	c.rename(s)
}

// rename works out the names of s, and tells them if they are others now.
func (c *Collector) rename(s *server) {
	is := Server{SID: s.SID, Site: s.Ident.Site, Version: s.Ident.Version, Address: s.IPs[0]}
	port := ""
	is.Name = s.Host // of a daemon, which has no port
	if s.Ident.Port > 0 {
		port = ":" + strconv.Itoa(s.Ident.Port)
		is.Name, is.Address = s.Host+port, joinHost(s.IPs[0])+port
	}
	for _, ip := range s.IPs {
		is.Names = append(is.Names, placeholder(ip, s.SID), joinHost(ip)+port)
	}
	c.overrule(s, &is)
	is.Site, is.Name = cmp.Or(is.Site, Unknown), cmp.Or(is.Name, is.Names[0])
	is.Names = append(is.Names, is.Name)
	slices.Sort(is.Names)
	is.Names = slices.Compact(is.Names)
	c.listen(s)
	if is.same(&s.Server) {
		return
	}
	s.Server = is
	c.out.Server(is)
}

func (s *Server) same(t *Server) bool {
	return s.Site == t.Site && s.Name == t.Name && s.Address == t.Address &&
		s.Version == t.Version && slices.Equal(s.Names, t.Names)
}

// overrule puts the operator's names in the place of the server's own.
func (c *Collector) overrule(s *server, is *Server) {
	for _, at := range append([]string{is.Address}, s.IPs...) {
		if n, ok := c.cfg.Servers[at]; ok {
			is.Site, is.Name = cmp.Or(n.Site, is.Site), cmp.Or(n.Name, is.Name)
			return
		}
	}
}

// Placeholder reports whether name is what s was called before it named itself.
func (s *Server) Placeholder(name string) bool {
	return strings.HasSuffix(name, placeholder("", s.SID))
}

// placeholder is the name of a server that has not named itself.
func placeholder(ip string, sid uint64) string {
	return ip + "#" + strconv.FormatUint(sid, 10)
}

// hostOf returns the address in "address:port", as it stands if it is no such
// thing; IPv4 in IPv6 is told as IPv4.
func hostOf(remote string) string {
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return ap.Addr().Unmap().String()
	}
	if i := strings.LastIndexByte(remote, ':'); i >= 0 {
		return strings.Trim(remote[:i], "[]")
	}
	return remote
}

// joinHost returns the address as it stands before a port.
func joinHost(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}
