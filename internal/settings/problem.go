package settings

import (
	"fmt"
	"strings"

	"tallystick/internal/secret"
)

// A Problem is one thing that is wrong with a configuration.
type Problem struct {
	Place string // file:line, variable or setting; empty for a default
	Key   string // empty if it is not about one
	Text  string
}

// String returns all three, but what looks like a secret.
func (p *Problem) String() string {
	var parts []string
	for _, s := range []string{p.Place, p.Key, p.Text} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return secret.Mask(strings.Join(parts, ": "))
}

// An InvalidError is all that is wrong with a configuration.
type InvalidError struct {
	Problems []*Problem
}

// Error returns the problems, each on a line.
func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Invalid returns an *InvalidError of the problems, or nil if there are none.
func Invalid(problems []*Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &InvalidError{Problems: problems}
}

// A Checker gathers problems of values.
type Checker []*Problem

// Wrong adds a problem with a key if there is one.
func (k *Checker) Wrong(bad bool, key, format string, args ...any) {
	if bad {
		*k = append(*k, &Problem{Key: key, Text: fmt.Sprintf(format, args...)})
	}
}
