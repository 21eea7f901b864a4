package ingest

import (
	"tallystick/internal/lineproto"
	"tallystick/internal/selector"
)

// What cc-metric-store calls the level of the node itself, and the id of what has
// none.
const (
	typeNode = "node"
	noID     = "0"
)

// tags are the tags of a line that say where it goes.
type tags struct {
	valid                                      bool
	cluster, host, typ, typeID, stype, stypeID string
}

// same reports whether l has these tags.
func (t *tags) same(l *lineproto.Line) bool {
	return t.valid &&
		t.typeID == string(l.TypeID) && t.typ == string(l.Type) && // first what changes most often
		t.stypeID == string(l.STypeID) && t.stype == string(l.SType) &&
		t.host == string(l.Host) && t.cluster == string(l.Cluster)
}

func (t *tags) set(l *lineproto.Line) {
	*t = tags{
		valid: true, cluster: string(l.Cluster), host: string(l.Host),
		typ: string(l.Type), typeID: string(l.TypeID), stype: string(l.SType), stypeID: string(l.STypeID),
	}
}

// parts returns the component and the subcomponent, as Lines says.
func (t *tags) parts() (component, sub selector.Part) {
	node := t.typ == "" || t.typ == typeNode
	if t.stype != "" {
		sub = selector.Part{Type: t.stype, ID: or(t.stypeID)}
	}
	switch {
	case !node:
		component = selector.Part{Type: t.typ, ID: or(t.typeID)}
	case t.stype != "":
		component = selector.Part{Type: typeNode, ID: noID}
	}
	return component, sub
}

func or(id string) string {
	if id == "" {
		return noID
	}
	return id
}
