package settings

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallystick/internal/secret"
)

// leaves visits each scalar below y with its key. Those of a list have their number at the end.
func leaves(y *yaml.Node, key string, visit func(key string, y *yaml.Node)) {
	switch y.Kind {
	case yaml.ScalarNode:
		visit(key, y)
	case yaml.DocumentNode:
		leaves(y.Content[0], key, visit)
	case yaml.SequenceNode:
		for i, item := range y.Content {
			leaves(item, Join(key, strconv.Itoa(i)), visit)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(y.Content); i += 2 {
			leaves(y.Content[i+1], Join(key, y.Content[i].Value), visit)
		}
	}
}

// shown returns what may be shown of the value of a key.
func shown(key string, y *yaml.Node) string {
	word := y.Value != "" && y.Tag != "!!bool" && y.Tag != "!!null"
	if word && secret.IsKey(listOf(key)) {
		return secret.Hidden
	}
	return secret.Mask(y.Value)
}

// redact hides what is secret in y, and reports whether there was anything.
func redact(y *yaml.Node) (found bool) {
	leaves(y, "", func(key string, y *yaml.Node) {
		if s := shown(key, y); s != y.Value {
			y.Value, y.Tag, found = s, "!!str", true
		}
	})
	return found
}

// restore puts back into y what redact hid, where it comes back unchanged, and reports whether
// there was anything. What hid something under a key that before does not have stays as it is.
func restore(y, before *yaml.Node) (found bool) {
	old := make(map[string]*yaml.Node)
	leaves(before, "", func(key string, y *yaml.Node) { old[key] = y })
	leaves(y, "", func(key string, y *yaml.Node) {
		was := old[key]
		if was == nil || y.Value == was.Value || shown(key, was) != y.Value {
			return
		}
		y.Value, y.Tag, y.Style, found = was.Value, was.Tag, was.Style, true
	})
	return found
}

// Redact returns the text of a file, but what is secret.
func Redact(text []byte) ([]byte, error) {
	doc, err := document(text)
	if err != nil || doc == nil || !redact(doc) {
		return text, err
	}
	return write(doc)
}

// Restore returns the text of a file with what Redact hid of before put back. The error is an
// *InvalidError: text is no YAML, or hides what before does not have.
func Restore(text, before []byte) ([]byte, error) {
	doc, err := document(text)
	if err != nil {
		return nil, Invalid([]*Problem{{Text: err.Error()}})
	}
	if doc == nil {
		return text, nil
	}
	was, err := document(before)
	restored := was != nil && err == nil && restore(doc, was) // of a file that cannot be read nothing was shown
	if err := Invalid(hidden(doc)); err != nil {
		return nil, err
	}
	if !restored {
		return text, nil
	}
	return write(doc)
}

// hidden finds values that hide nothing.
func hidden(doc *yaml.Node) (out []*Problem) {
	leaves(doc, "", func(key string, y *yaml.Node) {
		if strings.Contains(y.Value, secret.Hidden) {
			out = append(out, &Problem{
				Place: fmt.Sprintf("line %d", y.Line), Key: key, Text: "what is " + secret.Hidden + " was not there before",
			})
		}
	})
	return out
}

// document returns the whole document, comments and all, or nil if there is none.
func document(raw []byte) (*yaml.Node, error) {
	y, err := parse(raw)
	if y == nil || err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	return &doc, nil
}

func write(doc *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return b.Bytes(), nil
}

// Differences returns the keys whose values differ in a and b, which have the form's type, in the
// order in which keys are told.
func (f Form) Differences(a, b any) ([]string, error) {
	var trees [2]*yaml.Node
	for i, c := range []any{a, b} {
		y, err := yamlOf(f.root, reflect.ValueOf(c))
		if err != nil {
			return nil, err
		}
		trees[i] = y
	}
	values := make(map[string]string)
	leaves(trees[0], "", func(key string, y *yaml.Node) { values[key] = y.Value })
	var keys []string
	leaves(trees[1], "", func(key string, y *yaml.Node) {
		if was, ok := values[key]; !ok || was != y.Value {
			keys = append(keys, listOf(key))
		}
		delete(values, key)
	})
	for key := range values {
		keys = append(keys, listOf(key))
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}
