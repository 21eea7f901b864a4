package source

import (
	"cmp"
	"fmt"
	"slices"

	"tallystick/internal/bus"
	"tallystick/internal/lineproto"
	"tallystick/internal/selector"
)

// A Kind is what is in a message.
type Kind string

// The kinds: line protocol, messages of the XRootD monitoring shoveler, and
// claims.
const (
	Lines   Kind = "lines"
	Packets Kind = "packets"
	Claims  Kind = "claims"
)

// UnmarshalText reads the name of a kind.
func (k *Kind) UnmarshalText(text []byte) error {
	if kinds := []Kind{Lines, Packets, Claims}; !slices.Contains(kinds, Kind(text)) {
		return fmt.Errorf("%q is none of %v", text, kinds)
	}
	*k = Kind(text)
	return nil
}

// A Content is what a subscription says about what is in its messages.
type Content struct {
	Kind      Kind   // empty: lines
	Cluster   string // of lines that name none
	Precision string // of the times of lines: s, ms, us, ns or auto
}

// Check returns what is wrong with c, each with its key.
func (c Content) Check() (problems []bus.Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	wrong(!c.isLines() && (c.Cluster != "" || c.Precision != ""), "kind", "cluster and precision are for lines, not for %s", c.Kind)
	_, err := lineproto.ParsePrecision(c.Precision)
	wrong(err != nil, "precision", "%w", err)
	if c.Cluster != "" {
		err = selector.Path{Cluster: c.Cluster, Node: "any"}.Check()
		wrong(err != nil, "cluster", "%w", err)
	}
	return problems
}

func (c Content) isLines() bool { return cmp.Or(c.Kind, Lines) == Lines }

// differs reports whether not the same becomes of a message of both.
func (c Content) differs(o Content) bool {
	return cmp.Or(c.Kind, Lines) != cmp.Or(o.Kind, Lines) || c.Cluster != o.Cluster ||
		cmp.Or(c.Precision, "auto") != cmp.Or(o.Precision, "auto")
}
