package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode"
)

const (
	// maxBounds is how many names a bound may have: each line is compared with them.
	maxBounds = 100
	// maxBound is how long each may be, in bytes, as names in the tree may.
	maxBound = 255
)

// Bounds are whose data a writer may send. The zero value is everybody's. Who is bound in any
// way may send only what one of the bounds covers: who has Clusters alone, no claims.
type Bounds struct {
	Clusters []string // of lines
	Sites    []string // of the servers that packets come from, as the operator has named them
	Client   string   // of claims
}

// Any reports whether there is one.
func (b Bounds) Any() bool { return len(b.Clusters) > 0 || len(b.Sites) > 0 || b.Client != "" }

// Cluster reports whether lines of the cluster may be sent.
func (b Bounds) Cluster(name string) bool { return !b.Any() || slices.Contains(b.Clusters, name) }

// Servers reports whether packets may be sent that come from where servers of the sites are, and
// no others.
func (b Bounds) Servers(sites []string) bool {
	if !b.Any() {
		return true
	}
	outside := func(site string) bool { return !slices.Contains(b.Sites, site) }
	return len(sites) > 0 && !slices.ContainsFunc(sites, outside)
}

// Claims reports whether claims of the client may be sent.
func (b Bounds) Claims(client string) bool { return !b.Any() || b.Client != "" && b.Client == client }

// Bind returns an error if there are bounds, and none of the roles is one that they bind.
func (b Bounds) Bind(roles []Role) error {
	if b.Any() && !(User{Roles: roles}).Has(Writer) {
		return fmt.Errorf("clusters, sites and client bind what a %s sends, and nothing of %v", Writer, roles)
	}
	return nil
}

// And returns the bounds of who is bound by both. Who is left with none may send nothing: that
// is an error, since no bounds are everything.
func (b Bounds) And(c Bounds) (Bounds, error) {
	switch {
	case !b.Any():
		return c, nil
	case !c.Any():
		return b, nil
	}
	both := Bounds{Clusters: shared(b.Clusters, c.Clusters), Sites: shared(b.Sites, c.Sites)}
	if b.Client == c.Client {
		both.Client = b.Client
	}
	if !both.Any() {
		return both, errors.New("is bound to what its account is not")
	}
	return both, nil
}

func shared(a, b []string) (both []string) {
	for _, name := range a {
		if slices.Contains(b, name) {
			both = append(both, name)
		}
	}
	return both
}

// Check returns what is wrong with the names, or nil.
func (b Bounds) Check() error {
	names := slices.Concat(b.Clusters, b.Sites)
	if b.Client != "" {
		names = append(names, b.Client)
	}
	if len(names) > maxBounds {
		return fmt.Errorf("has %d bounds, more than %d", len(names), maxBounds)
	}
	for _, name := range names {
		if name == "" || len(name) > maxBound || !printable(name) {
			return errors.New("a bound (clusters, sites, client) is empty, too long or cannot be printed")
		}
	}
	return nil
}

func printable(name string) bool {
	return !slices.ContainsFunc([]rune(name), func(c rune) bool { return !unicode.IsPrint(c) })
}

// bound is a list of names that is not the same when it is empty and when it is not there:
// who is bound to nothing is not free.
type bound []string

// UnmarshalJSON reads a list of texts; null is none either.
func (b *bound) UnmarshalJSON(text []byte) error {
	names := []string{}
	if err := json.Unmarshal(text, &names); err != nil {
		return err
	}
	if *b = names; names == nil {
		*b = bound{}
	}
	return nil
}

// bounds are the claims of a token about bounds.
type bounds struct {
	Clusters bound   `json:"clusters,omitempty"`
	Sites    bound   `json:"sites,omitempty"`
	Client   *string `json:"client,omitempty"`
}

// read returns what they say.
func (b bounds) read() (Bounds, error) {
	out := Bounds{Clusters: b.Clusters, Sites: b.Sites}
	if b.Clusters != nil && len(b.Clusters) == 0 || b.Sites != nil && len(b.Sites) == 0 || b.Client != nil && *b.Client == "" {
		return Bounds{}, errors.New("is bound to nothing: clusters, sites or client is empty")
	}
	if b.Client != nil {
		out.Client = *b.Client
	}
	return out, out.Check()
}

// boundsOf is the other way round.
func boundsOf(b Bounds) bounds {
	out := bounds{Clusters: b.Clusters, Sites: b.Sites}
	if b.Client != "" {
		out.Client = &b.Client
	}
	return out
}
