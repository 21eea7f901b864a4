package config

import (
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

// invalid returns an error of the problems, or nil if there are none.
func invalid(problems []*Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &InvalidError{Problems: problems}
}
