package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
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
	tags        *tags
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
	to = &target{measurement: string(l.Metric)}
	var text []byte
	if l.Key != nil {
		_, text = cutKey(l.Key)
	}
	if b.tags != nil && b.tags.are(text, b.scope) { // as is mostly so
		to.tags = b.tags
		return to, "", nil
	}
	path := pathOf(l)
	path.Cluster = cmp.Or(path.Cluster, b.cluster)
	if l.Key == nil && b.tags != nil && b.tags.level.Path == path {
		to.tags = b.tags
		return to, "", nil
	}
	to.tags = newTags(text, b.scope, path)
	return to, ReasonName, path.Check()
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
	if len(l.Others) > 0 {
		under(&p, others(l.Others))
	}
	return p
}

func idOr0(id []byte) string {
	if len(id) == 0 {
		return noID
	}
	return string(id)
}

// under puts the part of the other tags into the lowest level that p has not yet,
// or to the name of the lowest.
func under(p *selector.Path, others selector.Part) {
	none := selector.Part{}
	switch {
	case p.Component == none:
		p.Component = others
	case p.Sub == none:
		p.Sub = others
	default:
		p.Sub.Type += "," + others.Type
		p.Sub.ID += "," + others.ID
	}
}

// others makes one part of all tags, so that series that differ in any of them
// stay apart: the keys are the type, the values the id. They are sorted, since
// their order means nothing. The lists are unambiguous: see escape.
func others(tags []lineproto.Tag) selector.Part {
	tags = slices.SortedStableFunc(slices.Values(tags), func(a, b lineproto.Tag) int { return bytes.Compare(a.Key, b.Key) })
	var keys, values []string
	for _, t := range tags {
		keys, values = append(keys, escape(t.Key)), append(values, escape(t.Value))
	}
	if len(tags) == 1 {
		return selector.Part{Type: string(tags[0].Key), ID: string(tags[0].Value)}
	}
	return selector.Part{Type: strings.Join(keys, ","), ID: strings.Join(values, ",")}
}

// escape marks commas in an item of a list.
func escape(item []byte) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(string(item))
}
