package settings

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxDays is how many days a duration can have.
const maxDays = int64((1<<63 - 1) / (24 * time.Hour))

// ParseDuration reads what time.ParseDuration does, and whole days ("90d").
func ParseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseInt(days, 10, 64); err == nil && -maxDays <= n && n <= maxDays {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 30s, 10m, 12h or 90d", text)
	}
	return d, nil
}

// FormatDuration writes what ParseDuration reads, without units that are 0.
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d != 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return regexp.MustCompile(`([hm])(0[ms])+$`).ReplaceAllString(d.String(), "$1")
}

// text returns a leaf as people write it.
func text(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return FormatDuration(v)
	case []string:
		return strings.Join(v, ",")
	}
	return fmt.Sprint(v)
}

// YAML returns cfg, which has the form's type, as a file that Load would read it from, but that what
// is secret is hidden.
func (f Form) YAML(cfg any) ([]byte, error) {
	tree, err := yamlOf(f.root, reflect.ValueOf(cfg))
	if err != nil {
		return nil, err
	}
	redact(tree)
	return write(tree)
}

func yamlOf(n *node, v reflect.Value) (*yaml.Node, error) {
	y := &yaml.Node{Kind: yaml.MappingNode}
	var err error
	add := func(name string, n *node, v reflect.Value) {
		value, e := yamlOf(n, v)
		if err = e; err == nil {
			y.Content = append(y.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
		}
	}
	switch {
	case n.leaf != nil:
		return y, y.Encode(yamlValue(v.Interface()))
	case n.entry != nil:
		entries := make(map[string]reflect.Value, v.Len())
		for _, k := range v.MapKeys() {
			entries[k.String()] = v.MapIndex(k)
		}
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			add(name, n.entry, entries[name])
		}
	default:
		for _, c := range n.children {
			add(c.name, c, v.FieldByIndex(c.index))
		}
	}
	return y, err
}

// yamlValue returns a leaf as what the file has.
func yamlValue(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return FormatDuration(v)
	case encoding.TextMarshaler:
		if text, err := v.MarshalText(); err == nil {
			return string(text)
		}
	}
	return v
}
