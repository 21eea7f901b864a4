package config

import (
	"reflect"
	"slices"
	"strconv"

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
			leaves(item, join(key, strconv.Itoa(i)), visit)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(y.Content); i += 2 {
			leaves(y.Content[i+1], join(key, y.Content[i].Value), visit)
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

// Differences returns the keys whose values differ, in the order in which keys are told.
func Differences(a, b Config) ([]string, error) {
	var trees [2]*yaml.Node
	for i, c := range []Config{a, b} {
		y, err := yamlOf(serverForm().root, reflect.ValueOf(c))
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
