package settings

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"time"
)

// tag is the struct tag with a field's key: `koanf:"key"`, or ",squash" for a
// struct whose keys stand among those around it, or "-" for none.
const tag = "koanf"

// A node is what may stand under a key.
type node struct {
	key      string       // whole, such as http.listen; empty for all of it
	name     string       // last part of key
	index    []int        // of the field in its struct
	leaf     reflect.Type // of the value; nil for the others
	children []*node      // of a section, in the order of the struct
	entry    *node        // of a map of sections: what each of them is
}

func nodeOf(t reflect.Type, key string) *node {
	n := &node{key: key, name: key[strings.LastIndexByte(key, '.')+1:]}
	switch {
	case isLeaf(t):
		n.leaf = t
	case t.Kind() == reflect.Map:
		n.entry = nodeOf(t.Elem(), Join(key, "NAME"))
	default:
		n.children = fields(t, key)
	}
	return n
}

func isLeaf(t reflect.Type) bool {
	text := reflect.TypeFor[encoding.TextUnmarshaler]()
	return t.Kind() != reflect.Struct && t.Kind() != reflect.Map || reflect.PointerTo(t).Implements(text)
}

func fields(t reflect.Type, key string) []*node {
	var out []*node
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get(tag), ",")
		var found []*node
		switch {
		case option == "squash":
			found = fields(f.Type, key)
		case name != "" && name != "-":
			found = []*node{nodeOf(f.Type, Join(key, name))}
		}
		for _, n := range found {
			n.index = append([]int{i}, n.index...)
		}
		out = append(out, found...)
	}
	return out
}

// Join returns the key of a name below a key.
func Join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// child returns the node under a name, or nil.
func (n *node) child(name string) *node {
	if n.entry != nil {
		return n.entry
	}
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return n.children[i]
}

// descendant returns what is under names that lead somewhere.
func (n *node) descendant(names []string) *node {
	for _, name := range names {
		n = n.child(name)
	}
	return n
}

// split returns the names on the way from n to key, or false if there is no such
// key. The name of an entry may have dots itself: it ends at the last one.
func (n *node) split(key string) ([]string, bool) {
	if n.entry != nil && n.entry.leaf != nil {
		return []string{key}, key != ""
	}
	if n.entry != nil {
		dot := strings.LastIndexByte(key, '.')
		if dot < 1 || n.entry.child(key[dot+1:]) == nil {
			return nil, false
		}
		return []string{key[:dot], key[dot+1:]}, true
	}
	name, rest, more := strings.Cut(key, ".")
	c := n.child(name)
	if c == nil || more && c.leaf != nil {
		return nil, false
	}
	if !more {
		return []string{name}, len(c.children) == 0 // a section has no value of its own
	}
	names, ok := c.split(rest)
	return append([]string{name}, names...), ok
}

// settable visits what can be given a value by its key: leaves and whole maps.
func (n *node) settable(visit func(*node)) {
	if n.leaf != nil || n.entry != nil {
		visit(n)
	}
	for _, c := range n.children {
		c.settable(visit)
	}
}

// A Key is one that an operator may set.
type Key struct {
	Name    string // such as http.listen
	Env     string // its variable, such as TALLYSTICK_HTTP_LISTEN
	Type    string // for people
	Default string // empty if there is none
}

// Keys returns all keys, in the order in which they are told, with the values of defaults, which
// has the form's type.
func (f Form) Keys(defaults any) (keys []Key) {
	of := values(f.root, reflect.ValueOf(defaults))
	f.root.settable(func(n *node) {
		k := Key{Name: n.key, Env: f.variable(n.key), Type: typeName(n)}
		if n.leaf != nil {
			k.Default = text(lookup(of, n.key))
		}
		keys = append(keys, k)
	})
	return keys
}

func typeName(n *node) string {
	switch {
	case n.leaf == nil:
		return "map"
	case n.leaf == reflect.TypeFor[time.Duration]():
		return "duration"
	case n.leaf.Kind() == reflect.Slice:
		return "list"
	case n.leaf.Kind() == reflect.Bool:
		return "bool"
	case reflect.PointerTo(n.leaf).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return "word"
	case n.leaf.Kind() == reflect.String:
		return "text"
	}
	return "number"
}

// values returns the leaves of v as nested maps, in their own types.
func values(n *node, v reflect.Value) map[string]any {
	out := make(map[string]any)
	for _, c := range n.children {
		f := v.FieldByIndex(c.index)
		switch {
		case c.leaf != nil:
			out[c.name] = f.Interface()
		case c.entry != nil:
			entries := make(map[string]any, f.Len())
			for _, k := range f.MapKeys() {
				entries[k.String()] = values(c.entry, f.MapIndex(k))
			}
			out[c.name] = entries
		default:
			out[c.name] = values(c, f)
		}
	}
	return out
}

// lookup returns what stands under a key without dots in its names.
func lookup(values map[string]any, key string) any {
	name, rest, more := strings.Cut(key, ".")
	if section, ok := values[name].(map[string]any); ok && more {
		return lookup(section, rest)
	}
	return values[name]
}
