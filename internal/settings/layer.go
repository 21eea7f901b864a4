package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallystick/internal/secret"
)

// A layer is what one source says.
type layer struct {
	root     *node
	values   map[string]any    // nested, by name
	places   map[string]string // by key, where it is said
	problems []*Problem
	unread   bool // it is there, and nobody knows what it says
}

func newLayer(f Form) *layer {
	return &layer{root: f.root, values: make(map[string]any), places: make(map[string]string)}
}

func (l *layer) problem(place, key, format string, args ...any) {
	l.problems = append(l.problems, &Problem{Place: place, Key: key, Text: fmt.Sprintf(format, args...)})
}

// readFile reads a YAML file with at most one document.
func readFile(f Form, path string) *layer {
	l := newLayer(f)
	raw, err := os.ReadFile(path)
	if err != nil {
		l.unread = true
		l.problem("", "", "%v", err)
		return l
	}
	l.read(path, raw)
	return l
}

// read reads the text of a file, of which empty names have none.
func (l *layer) read(name string, raw []byte) {
	doc, err := parse(raw)
	if err != nil {
		l.unread = true
		l.problem(name, "", "%v", err)
		return
	}
	place := func(y *yaml.Node) string {
		if name == "" {
			return fmt.Sprintf("line %d", y.Line)
		}
		return fmt.Sprintf("%s:%d", name, y.Line)
	}
	if doc != nil {
		l.values = l.section(l.root, doc, "", place)
		l.unread = l.values == nil && l.problems != nil
	}
}

// parse returns the document, or nil if there is none.
func parse(raw []byte) (*yaml.Node, error) {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(raw))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one document")
	}
	return doc.Content[0], checkNode(doc.Content[0])
}

// checkNode refuses aliases, with which a text of some bytes can stand for one
// without end.
func checkNode(y *yaml.Node) error {
	if y.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: an alias (*%s) is not possible here", y.Line, y.Value)
	}
	for _, c := range y.Content {
		if err := checkNode(c); err != nil {
			return err
		}
	}
	return nil
}

// value returns what y says of n, or nil if it says nothing.
func (l *layer) value(n *node, y *yaml.Node, key string, place func(*yaml.Node) string) any {
	switch {
	case y.Tag == "!!null":
		return nil
	case n.leaf == nil:
		if m := l.section(n, y, key, place); m != nil {
			return m
		}
		return nil
	}
	var v any
	if err := y.Decode(&v); err != nil {
		l.problem(place(y), key, "%v", err)
		return nil
	}
	return v
}

// section returns what the mapping y says of the section or map n.
func (l *layer) section(n *node, y *yaml.Node, key string, place func(*yaml.Node) string) map[string]any {
	if y.Tag == "!!null" {
		return nil
	}
	if y.Kind != yaml.MappingNode {
		l.problem(place(y), key, "is not a mapping of keys to values")
		return nil
	}
	out := make(map[string]any)
	seen := make(map[string]bool)
	for i := 0; i < len(y.Content); i += 2 {
		name, value := y.Content[i], y.Content[i+1]
		key := Join(key, name.Value)
		l.places[key] = place(name)
		c := n.child(name.Value)
		switch {
		case name.Kind != yaml.ScalarNode:
			l.problem(place(name), key, "a key is not a word")
		case seen[name.Value]:
			l.problem(place(name), key, "is there twice")
		case c == nil:
			l.problem(place(name), key, "%s", l.root.unknown(key))
		default:
			if v := l.value(c, value, key, place); v != nil {
				out[name.Value] = v
			}
		}
		seen[name.Value] = true
	}
	return out
}

// readEnviron reads the variables with the form's prefix, sorted by name; one that is
// empty is as if it were not there.
func readEnviron(f Form, environ []string) *layer {
	l := newLayer(f)
	keys := f.variables()
	names := append(slices.Collect(maps.Keys(keys)), f.fileVariable())
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		path := keys[name]
		switch {
		case !strings.HasPrefix(name, f.prefix) || name == f.fileVariable() || value == "" || path == nil && f.isKubernetes(name):
		case path == nil && nearest(name, names) != "":
			l.problem(name, "", "unknown variable, did you mean %s?", nearest(name, names))
		case path == nil:
			l.problem(name, "", "unknown variable")
		default:
			l.set(path, l.root.descendant(path), name, value)
		}
	}
	return l
}

// readSettings reads settings like http.listen=127.0.0.1:8080.
func readSettings(f Form, settings []string) *layer {
	l := newLayer(f)
	for _, s := range settings {
		key, value, ok := strings.Cut(s, "=")
		if secret.IsKey(key) {
			s = key + "=" + secret.Hidden
		}
		names, known := l.root.split(key)
		switch {
		case !ok:
			l.problem(fmt.Sprintf("%q", s), "", "a setting is key=value")
		case !known:
			l.problem(fmt.Sprintf("%q", s), "", "%s", l.root.unknown(key))
		default:
			l.set(names, l.root.descendant(names), fmt.Sprintf("%q", s), value)
		}
	}
	return l
}

// set gives the key of n, or of an entry of a map, a value.
func (l *layer) set(names []string, n *node, place, text string) {
	key := strings.Join(names, ".")
	l.places[key] = place
	v := l.fromText(n, key, place, text)
	if v == nil {
		return
	}
	section := l.values
	for _, name := range names[:len(names)-1] {
		if _, ok := section[name].(map[string]any); !ok {
			section[name] = make(map[string]any)
		}
		section, _ = section[name].(map[string]any)
	}
	section[names[len(names)-1]] = v
}

// fromText returns the value that a variable or a setting means: YAML, but that
// a text needs no quotes and a list no brackets.
func (l *layer) fromText(n *node, key, place, text string) any {
	plain := n.leaf != nil && !slices.Contains([]string{"bool", "number"}, typeName(n))
	if plain && (n.leaf.Kind() != reflect.Slice || !strings.HasPrefix(text, "[")) {
		return text
	}
	doc, err := parse([]byte(text))
	switch {
	case err != nil:
		l.problem(place, key, "%v", err)
		return nil
	case doc == nil:
		return nil
	}
	return l.value(n, doc, key, func(*yaml.Node) string { return place })
}
