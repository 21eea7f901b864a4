package ingest

import (
	"errors"
	"slices"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// The bounds of a directory. Idents are datagrams, which anyone can forge; real
// federations have some thousand servers with a handful of names each.
const (
	maxServers     = 1 << 16
	maxServerNames = 32
	maxServerName  = 300 // bytes: a host name of 253, a port, brackets
)

var errDirectoryFull = errors.New("too many servers, or names of a server")

// A directory knows what servers are called. Names are compared as
// transfer.CleanServer has them.
type directory struct {
	byName  map[string]collect.Server // by each server's own name
	aliases map[string]string         // any name: the server's own
}

func newDirectory() directory {
	return directory{byName: make(map[string]collect.Server), aliases: make(map[string]string)}
}

// put adds s, or replaces what was known of the server of that name. It returns
// the names that lead to s now. Where two servers have a name in common, it is
// that of the server whose own name it is, and else of the one told last. The
// error says that s, or some of its names, found no room.
func (d *directory) put(s collect.Server) (names []string, err error) {
	own := transfer.CleanServer(s.Name)
	old, known := d.byName[own]
	if len(own) > maxServerName || !known && len(d.byName) >= maxServers {
		return nil, errDirectoryFull
	}
	for _, n := range old.Names {
		if n = transfer.CleanServer(n); d.aliases[n] == own {
			delete(d.aliases, n)
		}
	}
	if len(s.Names) > maxServerNames {
		s.Names, err = s.Names[:maxServerNames], errDirectoryFull
	}
	s.Names = slices.Clone(s.Names)
	d.byName[own] = s
	return d.alias(own, append([]string{s.Name}, s.Names...), err)
}

func (d *directory) alias(own string, all []string, err error) ([]string, error) {
	var names []string
	for _, n := range all {
		n = transfer.CleanServer(n)
		_, others := d.byName[n]
		switch {
		case n == "" || others && n != own:
		case len(n) > maxServerName:
			err = errDirectoryFull
		default:
			d.aliases[n] = own
			names = append(names, n)
		}
	}
	return names, err
}

// find returns the server of that name, which is clean.
func (d *directory) find(name string) (collect.Server, bool) {
	own, ok := d.aliases[name]
	if !ok {
		return collect.Server{}, false
	}
	s, ok := d.byName[own]
	return s, ok
}
