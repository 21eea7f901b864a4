package query

import (
	"context"
	"path"
	"slices"
	"strings"

	"tallystick/internal/selector"
)

// A Selector names one level, or with patterns many. A field that is empty ends
// the level there: {Cluster: "a"} is the cluster, made of its nodes;
// {Cluster: "a", Node: "*"} is each node of it.
//
// Patterns are those of path.Match, except that a slash is a character like any
// other, for ids are often paths. A name that is equal to the pattern matches
// it, so that "[::1]:1094" finds the server of that name.
type Selector struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node,omitempty"`
	Type    string `json:"type,omitempty"`
	TypeID  string `json:"type_id,omitempty"`
	SType   string `json:"stype,omitempty"`
	STypeID string `json:"stype_id,omitempty"`
}

// A field is a field of a Selector with its name in JSON.
type field struct{ name, pattern string }

func (s Selector) fields() [6]field {
	return [...]field{
		{"cluster", s.Cluster},
		{"node", s.Node},
		{"type", s.Type},
		{"type_id", s.TypeID},
		{"stype", s.SType},
		{"stype_id", s.STypeID},
	}
}

// check returns what is wrong with s: nothing at its beginning, a hole, a type
// without its id, or a bad pattern.
func (s Selector) check() *RequestError {
	fs := s.fields()
	n := s.depth()
	switch n {
	case 0:
		return &RequestError{"cluster", "is empty"}
	case 3, 5:
		return &RequestError{fs[n].name, "is empty, but " + fs[n-1].name + " is not"}
	}
	for _, f := range fs[n:] {
		if f.pattern != "" {
			return &RequestError{f.name, "is given without " + fs[n].name}
		}
	}
	for _, f := range fs[:n] {
		if _, err := path.Match(f.pattern, ""); err != nil {
			return &RequestError{f.name, "is a bad pattern"}
		}
	}
	return nil
}

// depth returns how many fields of s are set from the left.
func (s Selector) depth() int {
	n := 0
	for _, f := range s.fields() {
		if f.pattern == "" {
			break
		}
		n++
	}
	return n
}

// exact reports whether s has no patterns.
func (s Selector) exact() bool {
	for _, f := range s.fields() {
		if strings.ContainsAny(f.pattern, `*?[\`) {
			return false
		}
	}
	return true
}

// path returns the level whose names are what s has.
func (s Selector) path() selector.Path {
	return selector.Path{
		Cluster: s.Cluster, Node: s.Node,
		Component: selector.Part{Type: s.Type, ID: s.TypeID},
		Sub:       selector.Part{Type: s.SType, ID: s.STypeID},
	}
}

// match reports whether s takes p, and whether it may take what is below p.
func (s Selector) match(p selector.Path) (take, down bool) {
	names := [...]string{p.Cluster, p.Node, p.Component.Type, p.Component.ID, p.Sub.Type, p.Sub.ID}
	for i, f := range s.fields() {
		switch {
		case names[i] == "":
			return f.pattern == "", f.pattern != ""
		case f.pattern == "" || !match(f.pattern, names[i]):
			return false, false
		}
	}
	return true, false
}

func match(pattern, name string) bool {
	if pattern == "*" || pattern == name {
		return true
	}
	if strings.Contains(name, "/") { // no name has a NUL
		pattern, name = strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00")
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

// A level is one that was asked for.
type level struct {
	path  selector.Path
	exact bool // it was named, not only found
}

// levels returns the levels that the selectors take, in order, each once. Those
// that are named exactly may not exist.
func (e *Engine) levels(ctx context.Context, selectors []Selector) []level {
	found := map[selector.Path]bool{} // exact
	var patterns []Selector
	for _, s := range selectors {
		if found[s.path()] = true; !s.exact() {
			patterns = append(patterns, s)
		}
	}
	if len(patterns) > 0 {
		e.store.Walk(func(p selector.Path) bool {
			take, down := false, false
			for _, s := range patterns {
				t, d := s.match(p)
				take, down = take || t, down || d
			}
			if take && !found[p] {
				found[p] = false
			}
			return down && ctx.Err() == nil
		})
	}
	out := make([]level, 0, len(found))
	for p, exact := range found {
		out = append(out, level{p, exact})
	}
	slices.SortFunc(out, func(a, b level) int { return a.path.Compare(b.path) })
	return out
}
