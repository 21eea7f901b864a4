package record

import (
	"fmt"
	"slices"
	"strings"

	"tallystick/internal/transfer"
)

// A Rule selects transfers by the client's organisation and by path, as both collectors do.
type Rule struct {
	VOs          []string `koanf:"vos"`           // in any case
	PathPrefixes []string `koanf:"path_prefixes"` // of texts: /store is also the beginning of /storefront
}

// DefaultRule is what is WLCG's for the collectors.
func DefaultRule() Rule {
	return Rule{VOs: []string{"cms", "dteam"}, PathPrefixes: []string{"/store", "/user/dteam"}}
}

// Selects reports whether t is by one of the organisations, or of one of the paths.
func (r Rule) Selects(t *transfer.Transfer) bool {
	vo := strings.TrimSpace(identityOf(t).vo)
	same := func(name string) bool { return vo != "" && strings.EqualFold(strings.TrimSpace(name), vo) }
	return slices.ContainsFunc(r.VOs, same) || r.SelectsPath(t.Path)
}

// SelectsPath reports whether a path is one of the rule's: all that there is of an event.
func (r Rule) SelectsPath(path string) bool {
	return slices.ContainsFunc(r.PathPrefixes, func(prefix string) bool { return prefix != "" && strings.HasPrefix(path, prefix) })
}

// A Route is which transfers go to a receiver.
type Route string

// The routes.
const (
	All     Route = "all"
	ToWLCG  Route = "wlcg"    // those that the rule for WLCG selects
	Default Route = "default" // the others
)

// UnmarshalText reads the name of a route.
func (r *Route) UnmarshalText(text []byte) error {
	if routes := []Route{All, ToWLCG, Default}; !slices.Contains(routes, Route(text)) {
		return fmt.Errorf("%q is none of %v", text, routes)
	}
	*r = Route(text)
	return nil
}

// Takes reports whether what the rule for WLCG selects, or does not, goes that way; the
// zero Route is All.
func (r Route) Takes(selected bool) bool {
	switch r {
	case ToWLCG:
		return selected
	case Default:
		return !selected
	case All:
	}
	return true
}
