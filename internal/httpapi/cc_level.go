package httpapi

import (
	"fmt"
	"slices"
	"strings"

	"tallystick/internal/selector"
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

// ccStart returns the level that the words lead to as far as they can be known
// without looking: cluster and node.
func ccStart(words []string) selector.Path {
	var p selector.Path
	if len(words) > 0 {
		p.Cluster = words[0]
	}
	if len(words) > 1 {
		p.Node = words[1]
	}
	return p
}

// ccParts returns the parts whose type and id are those of the client's, which
// may have put the whole name into one of them.
func ccParts(typ, id string) []selector.Part {
	switch {
	case typ != "" && id != "":
		return []selector.Part{{Type: typ, ID: id}}
	case typ+id == "" || len(id) > 2*selector.MaxName:
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
