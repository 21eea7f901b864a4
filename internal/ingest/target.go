package ingest

import (
	"errors"
	"strings"

	"tallystick/internal/lineproto"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
)

// What cc-metric-store calls the level of the node itself, and the id of what has
// none; and the field of a line that gives its metric no other name.
const (
	typeNode   = "node"
	noID       = "0"
	fieldValue = "value"
)

// A target is what the key of a line says.
type target struct {
	path        selector.Path // without a cluster: that of the batch
	measurement string
	id          metric.ID // of measurement, if has
	has         bool
	useful      bool // a field of it had a metric
}

var (
	errNoCluster = errors.New("no tag cluster, and no default")
	errNoHost    = errors.New("no tag hostname or host")
	errNoType    = errors.New("tag type-id without type")
	errNoSType   = errors.New("tag stype-id without stype")
)

// resolve returns the target of l, or why there is none.
func (b *batch) resolve(l *lineproto.Line) (to *target, reason string, err error) {
	switch {
	case len(l.Cluster) == 0 && b.cluster == "":
		return nil, ReasonCluster, errNoCluster
	case len(l.Host) == 0:
		return nil, ReasonHost, errNoHost
	case len(l.Type) == 0 && len(l.TypeID) > 0:
		return nil, ReasonName, errNoType
	case len(l.SType) == 0 && len(l.STypeID) > 0:
		return nil, ReasonName, errNoSType
	}
	to = &target{path: pathOf(l), measurement: string(l.Metric)}
	checked := to.path
	if checked.Cluster == "" {
		checked.Cluster = b.cluster
	}
	return to, ReasonName, checked.Check()
}

// pathOf returns the place of l, as Lines says.
func pathOf(l *lineproto.Line) selector.Path {
	p := selector.Path{Cluster: string(l.Cluster), Node: string(l.Host)}
	node := len(l.Type) == 0 || string(l.Type) == typeNode
	if len(l.SType) > 0 {
		p.Sub = selector.Part{Type: string(l.SType), ID: idOr0(l.STypeID)}
	}
	switch {
	case !node:
		p.Component = selector.Part{Type: string(l.Type), ID: idOr0(l.TypeID)}
	case len(l.SType) > 0:
		p.Component = selector.Part{Type: typeNode, ID: noID}
	}
	return p
}

func idOr0(id []byte) string {
	if len(id) == 0 {
		return noID
	}
	return string(id)
}

// own makes the strings of t pieces of one: a target is held for long, and this
// takes less memory.
func (t *target) own(key string) {
	for _, s := range []*string{
		&t.path.Cluster, &t.path.Node, &t.path.Component.Type, &t.path.Component.ID,
		&t.path.Sub.Type, &t.path.Sub.ID, &t.measurement,
	} {
		if i := strings.Index(key, *s); i >= 0 {
			*s = key[i : i+len(*s)]
		}
	}
}
