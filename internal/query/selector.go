package query

import (
	"context"
	"slices"

	"tallystick/internal/selector"
)

// A Selector takes the levels whose names are among its own. A field that is
// empty ends the level there: {Cluster: "a"} is the cluster, made of its nodes;
// {Cluster: "a", Node: "*"} is each node of it.
type Selector struct {
	Cluster Names `json:"cluster"`
	Node    Names `json:"node,omitempty"`
	Type    Names `json:"type,omitempty"`
	TypeID  Names `json:"type_id,omitempty"`
	SType   Names `json:"stype,omitempty"`
	STypeID Names `json:"stype_id,omitempty"`
	// Group makes one series of all the levels that it takes.
	Group bool `json:"group,omitempty"`
}

// A field is a field of a Selector with its name in JSON.
type field struct {
	name  string
	names Names
}

func (s *Selector) fields() [6]field {
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
// without its id, or a bad name.
func (s *Selector) check() *RequestError {
	fs := s.fields()
	n := s.depth()
	switch n {
	case 0:
		return &RequestError{"cluster", "is empty"}
	case 3, 5:
		return &RequestError{fs[n].name, "is empty, but " + fs[n-1].name + " is not"}
	}
	for _, f := range fs[n:] {
		if len(f.names) > 0 {
			return &RequestError{f.name, "is given without " + fs[n].name}
		}
	}
	for _, f := range fs[:n] {
		if text := f.names.check(); text != "" {
			return &RequestError{f.name, text}
		}
	}
	return nil
}

// searches is how many ranges and patterns s has.
func (s *Selector) searches() int {
	n := 0
	for _, f := range s.fields() {
		for _, name := range f.names {
			if isSearch(name) {
				n++
			}
		}
	}
	return n
}

// depth returns how many fields of s are set from the left.
func (s *Selector) depth() int {
	n := 0
	for _, f := range s.fields() {
		if len(f.names) == 0 {
			break
		}
		n++
	}
	return n
}

// A finder is a Selector made ready.
type finder struct {
	fields []*matcher // as many as the levels have names
	found  *finds
}

// finds are levels that were found, by one selector or several.
type finds []find

type find struct {
	path  selector.Path
	exact bool // it was named, not only found
}

// add adds a level. If it is the last one, as in a walk where several take it, it is not
// there twice.
func (l *finds) add(p selector.Path, exact bool) {
	if n := len(*l); n > 0 && (*l)[n-1].path == p {
		(*l)[n-1].exact = (*l)[n-1].exact || exact
		return
	}
	*l = append(*l, find{p, exact})
}

// sort puts them in order, each once.
func (l *finds) sort() {
	compare := func(a, b find) int { return a.path.Compare(b.path) }
	if !slices.IsSortedFunc(*l, compare) { // those of a walk are
		slices.SortFunc(*l, compare)
	}
	all := *l
	*l = all[:0]
	for _, f := range all {
		l.add(f.path, f.exact)
	}
}

// paths returns their paths.
func (l *finds) paths() []selector.Path {
	out := make([]selector.Path, len(*l))
	for i, f := range *l {
		out[i] = f.path
	}
	return out
}

func (s *Selector) finder(found *finds) *finder {
	f := &finder{found: found}
	fs := s.fields()
	for _, x := range fs[:s.depth()] {
		f.fields = append(f.fields, x.names.matcher())
	}
	return f
}

const (
	// maxUnfold bounds the levels that are tried for one selector without looking
	// for them: beyond it, going through the tree costs less.
	maxUnfold = 4096
	// maxUnfolds bounds those of a request, some 200 bytes each.
	maxUnfolds = 1 << 16
	// maxSearches bounds the ranges and patterns of a request, each of which is
	// tried for each name in the tree: a thousand for ten thousand nodes are seconds.
	maxSearches = 1000
)

// unfold finds the levels without looking at the tree, if there are no more than
// most. They may not exist.
func (f *finder) unfold(most int) (n int, ok bool) {
	n = 1
	for _, m := range f.fields {
		size, ok := m.size(most / n)
		if !ok {
			return 0, false
		}
		n *= size
	}
	lists := make([][]string, len(f.fields))
	for i, m := range f.fields {
		lists[i] = m.all()
	}
	f.product(lists, make([]string, 0, len(lists)))
	return n, true
}

func (f *finder) product(lists [][]string, names []string) {
	if len(lists) == 0 {
		f.add(pathOf(names))
		return
	}
	for _, name := range lists[0] {
		f.product(lists[1:], append(names, name))
	}
}

// add adds a level that f takes. One that is spelled out in f is named exactly,
// though it may look like a pattern.
func (f *finder) add(p selector.Path) {
	exact, names := true, namesOf(p)
	for i, m := range f.fields {
		exact = exact && m.names[names[i]]
	}
	f.found.add(p, exact)
}

// look reports whether f takes what is below p, and takes p.
func (f *finder) look(p selector.Path) (down bool) {
	for i, name := range namesOf(p) {
		switch {
		case name == "":
			if i == len(f.fields) {
				f.add(p)
			}
			return i < len(f.fields)
		case i == len(f.fields) || !f.fields[i].takes(name):
			return false
		}
	}
	f.add(p)
	return false
}

func namesOf(p selector.Path) [6]string {
	return [...]string{p.Cluster, p.Node, p.Component.Type, p.Component.ID, p.Sub.Type, p.Sub.ID}
}

func pathOf(names []string) selector.Path {
	var n [6]string
	copy(n[:], names)
	return selector.Path{
		Cluster: n[0], Node: n[1],
		Component: selector.Part{Type: n[2], ID: n[3]},
		Sub:       selector.Part{Type: n[4], ID: n[5]},
	}
}

// A level is what one series of each metric is made of.
type level struct {
	path    selector.Path   // it, or one above all members
	members []selector.Path // in order
	exact   bool            // they were named, not only found
	group   int             // the selector that it is the group of; -1: none
}

// levels returns what the selectors ask for, in order: each level once, and the
// groups behind the levels that they have their path from. Levels that are
// spelled out may not exist.
func (e *Engine) levels(ctx context.Context, selectors []Selector) []level {
	single := new(finds)
	founds := make([]*finds, len(selectors))
	var looking []*finder
	left := maxUnfolds
	for i := range selectors {
		s := &selectors[i]
		if founds[i] = single; s.Group {
			founds[i] = new(finds)
		}
		f := s.finder(founds[i])
		n, ok := f.unfold(min(maxUnfold, left))
		if left -= n; !ok {
			looking = append(looking, f)
		}
	}
	e.walk(ctx, looking)
	single.sort()
	out, paths := make([]level, 0, len(*single)), single.paths()
	for i, f := range *single {
		out = append(out, level{f.path, paths[i : i+1 : i+1], f.exact, -1})
	}
	for i, found := range founds {
		if selectors[i].Group && len(*found) > 0 {
			out = append(out, groupOf(i, &selectors[i], found))
		}
	}
	if !slices.IsSortedFunc(out, level.compare) {
		slices.SortFunc(out, level.compare)
	}
	return out
}

// walk goes once through the tree for all finders.
func (e *Engine) walk(ctx context.Context, fs []*finder) {
	if len(fs) == 0 {
		return
	}
	e.store.Walk(func(p selector.Path) bool {
		down := false
		for _, f := range fs {
			down = f.look(p) || down
		}
		return down && ctx.Err() == nil
	})
}

func groupOf(i int, s *Selector, found *finds) level {
	found.sort()
	l := level{path: s.fixed(), members: found.paths(), exact: true, group: i}
	for _, f := range *found {
		l.exact = l.exact && f.exact
	}
	return l
}

// fixed returns the level that all which s takes are or are below, as far as one
// can tell without looking at them.
func (s *Selector) fixed() selector.Path {
	var names []string
	for _, f := range s.fields() {
		if len(f.names) != 1 || isSearch(f.names[0]) {
			break
		}
		names = append(names, f.names[0])
	}
	if len(names) > 2 {
		names = names[:len(names)&^1] // a type alone is no level
	}
	return pathOf(names)
}

func (l level) compare(m level) int {
	if c := l.path.Compare(m.path); c != 0 {
		return c
	}
	return l.group - m.group
}
