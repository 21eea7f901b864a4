package ingest

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// The bounds of a directory: at most some 160 MB if all is forged, which it can
// be, since servers name themselves in datagrams. Real federations have some
// thousand servers with a handful of names each.
const (
	maxServers     = 1 << 14
	maxServerNames = 32
	maxServerName  = 300 // bytes: a host name of 253, brackets, a port
)

var errDirectoryFull = errors.New("too many servers, or names of a server")

// A directory knows what servers are called. Names are compared as
// transfer.CleanServer has them.
type directory struct {
	servers map[serverID]collect.Server
	names   map[string]serverID
}

// A serverID tells servers apart: by their SID where they have one, else by name.
type serverID struct {
	sid  uint64
	name string
}

func (i serverID) compare(j serverID) int {
	return cmp.Or(cmp.Compare(i.sid, j.sid), cmp.Compare(i.name, j.name))
}

func idOf(s collect.Server) serverID {
	if s.SID != 0 {
		return serverID{sid: s.SID}
	}
	return serverID{name: transfer.CleanServer(s.Name)}
}

func newDirectory() directory {
	return directory{servers: make(map[serverID]collect.Server), names: make(map[string]serverID)}
}

// put adds s, or replaces what was known of it. It returns the names that lead to
// s now. A name that several servers have leads to the one whose own name it is,
// and else to the one told last. The error says that s, or some of its names,
// found no room.
func (d *directory) put(s collect.Server) (names []string, err error) {
	return d.set(s, append([]string{s.Name}, s.Names...))
}

// restore adds s as all had it: only what led to it then does so again.
func (d *directory) restore(s collect.Server) error {
	_, err := d.set(s, s.Names)
	return err
}

func (d *directory) set(s collect.Server, called []string) (names []string, err error) {
	id := idOf(s)
	if _, known := d.servers[id]; len(s.Name) > maxServerName || !known && len(d.servers) >= maxServers {
		return nil, errDirectoryFull
	}
	d.forget(id)
	own := transfer.CleanServer(s.Name)
	names = []string{} // not nil: all is the same then after a restart
	for _, n := range called {
		n = transfer.CleanServer(n)
		switch {
		case n == "" || n != own && d.taken(n, id) || slices.Contains(names, n):
		case len(n) > maxServerName || len(names) == maxServerNames:
			err = errDirectoryFull
		default:
			names = append(names, n)
		}
	}
	// Only what is needed, since whoever wrote the datagram chose the lengths.
	for _, n := range names {
		d.disown(n)
		d.names[n] = id
	}
	d.servers[id] = collect.Server{SID: s.SID, Site: fitName(s.Site, unknownSite), Name: s.Name, Names: names}
	return names, err
}

// knows reports whether s is there.
func (d *directory) knows(s collect.Server) bool {
	_, ok := d.servers[idOf(s)]
	return ok
}

// forget removes the server's names.
func (d *directory) forget(id serverID) {
	for _, n := range d.servers[id].Names {
		if d.names[n] == id {
			delete(d.names, n)
		}
	}
}

// disown takes name from the server that has it, if any.
func (d *directory) disown(name string) {
	if id, ok := d.names[name]; ok {
		s := d.servers[id]
		s.Names = slices.DeleteFunc(slices.Clone(s.Names), func(n string) bool { return n == name })
		d.servers[id] = s
	}
}

// taken reports whether name is another server's own.
func (d *directory) taken(name string, id serverID) bool {
	other, ok := d.names[name]
	return ok && other != id && transfer.CleanServer(d.servers[other].Name) == name
}

// find returns the server of that name, which is clean.
func (d *directory) find(name string) (collect.Server, bool) {
	id, ok := d.names[name]
	return d.servers[id], ok
}

// all returns the servers in a fixed order.
func (d *directory) all() []collect.Server {
	out := make([]collect.Server, 0, len(d.servers))
	for _, id := range slices.SortedFunc(maps.Keys(d.servers), serverID.compare) {
		out = append(out, d.servers[id])
	}
	return out
}
