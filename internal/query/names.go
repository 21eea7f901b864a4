package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Names says which names a Selector takes at one place of a path: each of it is
// a name, a range of whole numbers ("0-31"), or a pattern. In JSON it is a string,
// or a list of them.
//
// Patterns are those of path.Match, except that a slash is a character like any
// other, for ids are often paths. A range takes numbers as they are written
// without leading zeros. Whatever it is, it takes the name that is equal to it
// too, so that "[::1]:1094" finds the server of that name.
type Names []string

// UnmarshalJSON reads a string or a list of strings; the empty string is no name.
func (n *Names) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		if *n = nil; one != "" {
			*n = Names{one}
		}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return errors.New("names must be a string or a list of strings")
	}
	*n = many
	return nil
}

// MarshalJSON writes one name as a string.
func (n Names) MarshalJSON() ([]byte, error) {
	var v any = []string(n)
	if len(n) == 1 {
		v = n[0]
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write names: %w", err)
	}
	return b, nil
}

// check returns what is wrong with n, nothing if it is empty.
func (n Names) check() string {
	for _, name := range n {
		if name == "" {
			return "has an empty name"
		}
		if _, err := path.Match(name, ""); err != nil {
			return "is a bad pattern"
		}
	}
	return ""
}

// A numbers is a range of them, with both ends.
type numbers struct{ from, to uint64 }

// parseNumbers reads "0-31".
func parseNumbers(s string) (numbers, bool) {
	a, b, found := strings.Cut(s, "-")
	from, ok1 := parseNumber(a)
	to, ok2 := parseNumber(b)
	return numbers{from, to}, found && ok1 && ok2 && from <= to
}

// parseNumber reads a number without sign and leading zeros.
func parseNumber(s string) (uint64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func isPattern(name string) bool { return strings.ContainsAny(name, `*?[\`) }

// isSearch reports whether name is a range or a pattern.
func isSearch(name string) bool {
	_, ok := parseNumbers(name)
	return ok || isPattern(name)
}

// A matcher is Names made ready.
type matcher struct {
	names    map[string]bool
	list     []string // the names, each once
	ranges   []numbers
	patterns []string
}

func (n Names) matcher() *matcher {
	m := &matcher{names: make(map[string]bool, len(n))}
	for _, name := range n {
		if m.names[name] {
			continue
		}
		m.names[name] = true
		m.list = append(m.list, name)
		if r, ok := parseNumbers(name); ok {
			m.ranges = append(m.ranges, r)
		} else if isPattern(name) {
			m.patterns = append(m.patterns, name)
		}
	}
	return m
}

// takes reports whether m takes the name.
func (m *matcher) takes(name string) bool {
	if m.names[name] {
		return true
	}
	if len(m.ranges) > 0 {
		if n, ok := parseNumber(name); ok {
			for _, r := range m.ranges {
				if r.from <= n && n <= r.to {
					return true
				}
			}
		}
	}
	return slices.ContainsFunc(m.patterns, func(pattern string) bool { return match(pattern, name) })
}

func match(pattern, name string) bool {
	if pattern == "*" {
		return true
	}
	if strings.Contains(name, "/") { // no name has a NUL
		pattern, name = strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00")
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

// size returns how many names m takes at most, nothing if that is more than most.
func (m *matcher) size(most int) (int, bool) {
	n := len(m.list)
	for _, r := range m.ranges {
		if r.to-r.from >= uint64(max(most, n)-n) { //nolint:gosec // never negative
			return 0, false
		}
		n += int(r.to-r.from) + 1 //nolint:gosec // less than most
	}
	return n, len(m.patterns) == 0 && n <= most
}

// all returns the names that m takes, those of ranges too. It must have no patterns.
func (m *matcher) all() []string {
	if len(m.ranges) == 0 {
		return m.list
	}
	all := slices.Clone(m.list)
	for _, r := range m.ranges {
		for i := range r.to - r.from + 1 {
			all = append(all, strconv.FormatUint(r.from+i, 10))
		}
	}
	return all
}
