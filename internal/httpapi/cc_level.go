package httpapi

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// In cc-metric-store, a type and its id are one name: "hwthread0". Here they are
// two, so that a name which a client has put together may be one of several.

// ccNodeID is the id that "type=node" has. cc-metric-store keeps the samples of
// "type=node,type-id=0" at the level "0" below the node; here they are the
// node's own, and only the devices of the node (stype) are below it.
const ccNodeID = "0"

func ccNode() selector.Part { return selector.Part{Type: "node", ID: ccNodeID} }

// ccName returns the name of the level in cc-metric-store, from the cluster on.
func ccName(p selector.Path) []string {
	names := []string{p.Cluster, p.Node, p.Component.Type + p.Component.ID, p.Sub.Type + p.Sub.ID}
	if i := slices.Index(names, ""); i >= 0 {
		names = names[:i]
	}
	return names
}

// ccNamed reports whether a client's words name the level p or one above it.
// A word may have been cut at the colons of an id.
func ccNamed(words []string, p selector.Path) (depth int, ok bool) {
	want := strings.Join(words, ":")
	have := ""
	for i, name := range ccName(p) {
		if have = strings.TrimPrefix(have+":"+name, ":"); have == want {
			return i + 1, true
		}
	}
	return 0, len(words) == 0
}

// roots returns the levels to look at for those that the words lead to: the
// root, a cluster, or nodes.
func (c ccFace) roots(words []string) []selector.Path {
	if len(words) == 0 {
		return []selector.Path{{}}
	}
	var out []selector.Path
	want := strings.Join(words, ":")
	for _, p := range c.Store.Nodes() {
		if p.Cluster == want {
			return []selector.Path{{Cluster: p.Cluster}}
		}
		if name := p.Cluster + ":" + p.Node; want == name || strings.HasPrefix(want, name+":") {
			out = append(out, p)
		}
	}
	return out
}

// held returns the series at and below the level that the words lead to, from
// the node of from on, each with its names below that level.
func (c ccFace) held(words []string, from selector.Path) iter.Seq2[[]string, store.Held] {
	return func(yield func([]string, store.Held) bool) {
		for _, at := range c.roots(words) {
			for h := range c.Store.Held(at, from) {
				if depth, ok := ccNamed(words, h.Path); ok && !yield(ccName(h.Path)[depth:], h) {
					return
				}
			}
		}
	}
}

// ccParts returns the parts whose type and id are those of the client's, which
// may have put the whole name into one of them.
func ccParts(typ, id string) []selector.Part {
	switch {
	case typ != "" && id != "":
		return []selector.Part{{Type: typ, ID: id}}
	case typ+id == "" || len(typ)+len(id) > 2*selector.MaxName: // no level has such a name
		return nil
	}
	name := typ + id
	out := []selector.Part{{Type: name, ID: ccNodeID}} // what has no id gets this one
	for i := 1; i < len(name); i++ {
		out = append(out, selector.Part{Type: name[:i], ID: name[i:]})
	}
	return out
}

// ccNotFound is what debug says of a level that is not there.
func ccNotFound(words []string) error {
	return refuse("", fmt.Sprintf("[METRICSTORE]> not found: %#v", words))
}
