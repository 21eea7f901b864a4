package ccms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tallystick/internal/selector"
)

// Types are the types of components whose ids are numbers or begin with a digit,
// as ClusterCockpit has them: with the digit that follows, they are what a level's
// name begins with.
func Types() []string {
	return []string{"node", "socket", "die", "memoryDomain", "core", "hwthread", "cpu", "accelerator", "memchan"}
}

// NamedTypes are the types whose ids may be any text: of the devices that
// cc-metric-collector tells of.
func NamedTypes() []string { return []string{"filesystem", "network", "device", "disk"} }

// noID is the id of what has a type only, as for those who send lines without a
// type-id.
const noID = "0"

// A namer finds type and id in the name of a level, where they stand without
// anything between them:
//
//	hwthread0, accelerator00000000:49:00.0   a type of Types, and its digit
//	filesystem/home                          a type of NamedTypes or More
//	gpu0                                     letters, and digits up to the end
//	nvme0n1p1                                all else is the type as a whole
//
// The longest type counts.
type namer struct {
	named []string // longest first
	digit []string // longest first
}

func newNamer(more []string) namer {
	longest := func(a, b string) int { return cmp.Compare(len(b), len(a)) }
	n := namer{named: append(NamedTypes(), more...), digit: Types()}
	slices.SortFunc(n.named, longest)
	slices.SortFunc(n.digit, longest)
	return n
}

// part returns the type and the id in a name.
func (n namer) part(name string) selector.Part {
	for _, t := range n.digit {
		if id, ok := strings.CutPrefix(name, t); ok && id != "" && isDigit(id[0]) {
			return selector.Part{Type: t, ID: id}
		}
	}
	for _, t := range n.named {
		if id, ok := strings.CutPrefix(name, t); ok && t != "" && id != "" {
			return selector.Part{Type: t, ID: id}
		}
	}
	letters := strings.IndexFunc(name, func(r rune) bool { return r < 'A' || 'Z' < r && r < 'a' || r > 'z' })
	if letters > 0 && strings.Trim(name[letters:], "0123456789") == "" {
		return selector.Part{Type: name[:letters], ID: name[letters:]}
	}
	return selector.Part{Type: name, ID: noID}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// place returns the place of a level below a host. The original drops the word
// "node" of "type=node,type-id=0", and has the level "0" then: here, that is the
// node itself, and what is below it is below its part "node0".
func (n namer) place(host selector.Path, level []string) (selector.Path, error) {
	if len(level) > 2 {
		return host, fmt.Errorf("%w: %q is deeper than a subcomponent", ErrLevel, level)
	}
	p := host
	if len(level) > 0 {
		p.Component = n.part(level[0])
		if level[0] == noID {
			p.Component = selector.Part{Type: "node", ID: noID}
		}
	}
	if len(level) > 1 {
		p.Sub = n.part(level[1])
	} else if len(level) == 1 && level[0] == noID {
		p.Component = selector.Part{}
	}
	if err := p.Check(); err != nil {
		return p, fmt.Errorf("%w: %w", ErrLevel, err)
	}
	return p, nil
}
