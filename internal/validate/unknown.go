package validate

import (
	"iter"
	"maps"
	"math"
	"slices"

	"tallystick/internal/ledger"
)

// A Name is one of what Options can select by.
type Name string

// The names.
const (
	RunName    Name = "run"
	ServerName Name = "server"
	ClientName Name = "client"
)

// Of returns the name of the kind in s; empty: none is selected.
func (n Name) Of(s Selection) string {
	switch n {
	case RunName:
		return s.Run
	case ServerName:
		return s.Server
	case ClientName:
		return s.Client
	}
	return ""
}

// unknown returns which of the names of s nothing in l has, at any time.
func unknown(l Ledger, s Selection) (unknown []Name) {
	if s.Run != "" && !some(l.AllClaims(ledger.Filter{Run: s.Run})) {
		unknown = append(unknown, RunName)
	}
	server := ledger.Filter{Server: s.Server}
	if s.Server != "" && !some(l.AllTransfers(server)) && !some(l.AllClaims(server)) && len(l.Lives(s.Server, math.MinInt64, math.MaxInt64)) == 0 {
		unknown = append(unknown, ServerName)
	}
	client := ledger.Filter{Client: s.Client}
	if s.Client != "" && !some(l.AllTransfers(client)) && !some(l.AllClaims(client)) {
		unknown = append(unknown, ClientName)
	}
	return unknown
}

func some[T any](all iter.Seq[T]) bool {
	for range all {
		return true
	}
	return false
}

// Names returns the names of a kind that l has, sorted.
func Names(l Ledger, of Name) []string {
	names := make(map[string]bool)
	for c := range l.AllClaims(ledger.Filter{}) {
		names[of.Of(Selection{Run: c.Run, Server: c.Server, Client: c.Client})] = true
	}
	for t := range l.AllTransfers(ledger.Filter{}) {
		names[of.Of(Selection{Server: t.Server, Client: t.Client})] = true
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}
