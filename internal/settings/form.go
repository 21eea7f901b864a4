package settings

import (
	"reflect"
	"slices"
	"strings"
)

// A Form is what a configuration may say: its keys, and the variables for them.
type Form struct {
	root   *node
	prefix string              // begins the name of each variable
	extra  map[string][]string // variables of entries of maps, and the names on the way to them
}

// FormOf returns the form of a configuration of type T, whose variables begin with prefix,
// such as TALLYSTICK_. Extra are variables of entries of maps, by name, and the names on the way to
// them.
func FormOf[T any](prefix string, extra map[string][]string) Form {
	return Form{root: nodeOf(reflect.TypeFor[T](), ""), prefix: prefix, extra: extra}
}

func (f Form) fileVariable() string { return f.prefix + "CONFIG" }

// variable returns the name of the variable of a key.
func (f Form) variable(key string) string {
	return f.prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// variables returns what all variables set: the names on the way to it.
func (f Form) variables() map[string][]string {
	out := make(map[string][]string)
	f.root.settable(func(n *node) { out[f.variable(n.key)] = strings.Split(n.key, ".") })
	for name, path := range f.extra {
		out[name] = slices.Clone(path)
	}
	return out
}

// isKubernetes reports whether the variable is one that Kubernetes gives to each
// container for a service named like the prefix, such as TALLYSTICK_SERVICE_HOST and
// TALLYSTICK_PORT_8080_TCP_ADDR.
func (f Form) isKubernetes(name string) bool {
	name = strings.TrimPrefix(name, f.prefix)
	return name == "PORT" || strings.HasPrefix(name, "PORT_") || strings.HasPrefix(name, "SERVICE_")
}

// File returns the path of the configuration file, empty for none.
func (f Form) File(s Sources) string {
	for _, pair := range s.Environ {
		if path, ok := strings.CutPrefix(pair, f.fileVariable()+"="); ok && s.File == "" {
			return path
		}
	}
	return s.File
}

// readFile reads the configuration file, nil for none.
func (f Form) readFile(s Sources) *layer {
	if path := f.File(s); path != "" {
		return readFile(f, path)
	}
	return nil
}

// layers reads what the other sources say, over base and the file: the last one counts.
func (f Form) layers(s Sources, base, file *layer) []*layer {
	layers := []*layer{base}
	if file != nil {
		layers = append(layers, file)
	}
	return append(layers, readEnviron(f, s.Environ), readSettings(f, s.Settings))
}
