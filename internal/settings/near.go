package settings

import (
	"fmt"
	"strings"
)

// unknown says why there is nothing to set under a key, and what may have been
// meant: the nearest of all keys, or else those that stand where it does.
func (n *node) unknown(key string) string {
	section, above := n.deepest(key)
	var here []string
	for _, c := range section.children {
		here = append(here, c.name)
	}
	list := strings.Join(here, ", ")
	if above == key {
		return "is a section, with " + list
	}
	var all []string
	n.settable(func(s *node) { all = append(all, s.key) })
	for _, name := range here {
		all = append(all, Join(above, name))
	}
	if near := nearest(key, all); near != "" {
		return fmt.Sprintf("unknown key, did you mean %s?", near)
	}
	return "unknown key, here may be " + list
}

// deepest returns the section that key leads to, or the last one on the way
// there, and the key of it.
func (n *node) deepest(key string) (section *node, above string) {
	if n.entry != nil {
		name := key
		if dot := strings.LastIndexByte(key, '.'); dot > 0 && n.entry.child(key) == nil {
			name = key[:dot]
		}
		return n.entry, name
	}
	name, rest, _ := strings.Cut(key, ".")
	c := n.child(name)
	if c == nil || c.leaf != nil || rest == "" && c.entry != nil {
		return n, ""
	}
	if rest == "" {
		return c, name
	}
	section, above = c.deepest(rest)
	return section, strings.TrimSuffix(Join(name, above), ".")
}

// nearest returns the candidate with the fewest changed letters, or nothing if
// that is more than a third of them.
func nearest(word string, candidates []string) string {
	best, least := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance returns how many bytes must be added, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of the prefix of a so far, to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
