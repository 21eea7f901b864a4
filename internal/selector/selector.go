// Package selector names places in the tree: a Path is one level, a Selector
// is many.
//
//	cluster › node › component (type + id) › subcomponent (type + id)
package selector

import (
	"cmp"
	"fmt"
	"strings"
)

// MaxName is how long a name in a path may be, in bytes.
const MaxName = 255

// A Part is a component or subcomponent: a type and the id in that type. The
// two are kept apart, so that ("a", "b1") and ("ab", "1") are different places.
type Part struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
}

// A Path is a level of the tree. Levels are filled from the left: an empty
// Component means the node itself, an empty Node the cluster itself.
type Path struct {
	Cluster   string `json:"cluster,omitempty"`
	Node      string `json:"node,omitempty"`
	Component Part   `json:"component,omitzero"`
	Sub       Part   `json:"subcomponent,omitzero"`
}

// String returns p for people: "cluster/node/type=id/type=id".
func (p Path) String() string {
	var b strings.Builder
	b.WriteString(p.Cluster)
	if p.Node != "" {
		b.WriteString("/" + p.Node)
	}
	for _, c := range []Part{p.Component, p.Sub} {
		if c != (Part{}) {
			b.WriteString("/" + c.Type + "=" + c.ID)
		}
	}
	return b.String()
}

// Compare orders paths from the left, parents before their children.
func (p Path) Compare(q Path) int {
	return cmp.Or(
		cmp.Compare(p.Cluster, q.Cluster), cmp.Compare(p.Node, q.Node),
		cmp.Compare(p.Component.Type, q.Component.Type), cmp.Compare(p.Component.ID, q.Component.ID),
		cmp.Compare(p.Sub.Type, q.Sub.Type), cmp.Compare(p.Sub.ID, q.Sub.ID),
	)
}

// Contains reports whether q is p or a level below it.
func (p Path) Contains(q Path) bool {
	return (p.Cluster == "" || p.Cluster == q.Cluster) &&
		(p.Node == "" || p.Node == q.Node) &&
		(p.Component == Part{} || p.Component == q.Component) &&
		(p.Sub == Part{} || p.Sub == q.Sub)
}

// Check returns why p cannot be written to, nil if it can: it must have at
// least a cluster and a node, no hole, and names that CheckName takes.
func (p Path) Check() error {
	if err := CheckName("cluster", p.Cluster); err != nil {
		return err
	}
	if err := CheckName("node", p.Node); err != nil {
		return err
	}
	if err := p.Component.check("type"); err != nil {
		return err
	}
	if err := p.Sub.check("stype"); err != nil {
		return err
	}
	if p.Sub != (Part{}) && p.Component == (Part{}) {
		return fmt.Errorf("stype %q without a type", p.Sub.Type)
	}
	return nil
}

func (c Part) check(what string) error {
	if c == (Part{}) {
		return nil
	}
	if err := CheckName(what, c.Type); err != nil {
		return err
	}
	return checkText(what+"-id", c.ID) // an id may be a path: stype=filesystem, stype-id=/home
}

// CheckName returns why name cannot be the name of a cluster, a node or a type:
// empty, too long, or with control or path characters.
func CheckName(what, name string) error {
	if err := checkText(what, name); err != nil {
		return err
	}
	if strings.ContainsAny(name, `/\`) || name == "." || name == ".." {
		return fmt.Errorf("%s %q has path characters", what, name)
	}
	return nil
}

func checkText(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty", what)
	case len(name) > MaxName:
		return fmt.Errorf("%s is longer than %d bytes", what, MaxName)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%s %q has control characters", what, name)
	}
	return nil
}
