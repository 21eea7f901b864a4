package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"tallystick/internal/query"
	"tallystick/internal/selector"
)

// A ccRequest is what /api/query is asked.
type ccRequest struct {
	Cluster     string    `json:"cluster"`
	Queries     ccQueries `json:"queries"`
	ForAllNodes []string  `json:"for-all-nodes"` // metrics, of all nodes of the cluster
	From        int64     `json:"from"`          // Unix seconds
	To          int64     `json:"to"`            // exclusive
	WithStats   bool      `json:"with-stats"`
	WithData    bool      `json:"with-data"`
	WithPadding bool      `json:"with-padding"` // gaps from From to the first value
}

type ccQuery struct {
	Metric     string      `json:"metric"`
	Host       string      `json:"host"`
	Type       *string     `json:"type"`
	TypeIDs    []string    `json:"type-ids"`
	SubType    *string     `json:"subtype"`
	SubTypeIDs []string    `json:"subtype-ids"`
	Aggregate  bool        `json:"aggreg"`     // one series of all levels
	Resolution int64       `json:"resolution"` // seconds; 0 is the metric's own
	ScaleBy    query.Value `json:"scale-by"`
}

const (
	// maxCCQueries bounds what a body, which is not larger than maxCCQuestion, is
	// decoded into: 200 bytes each.
	maxCCQueries = 1 << 18
	// maxCCSeries bounds the time that a request can take that asks for series which
	// are not there: 10,000 nodes with 400 metrics are less.
	maxCCSeries = 1 << 22
	// maxCCLevels bounds what one series can be made of.
	maxCCLevels = 1 << 16
)

// ccQueries are no more than maxCCQueries.
type ccQueries []ccQuery

// UnmarshalJSON reads an array.
func (qs *ccQueries) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.New("queries: is not an array")
	}
	for d.More() {
		if len(*qs) == maxCCQueries {
			return fmt.Errorf("queries: are more than %d", maxCCQueries)
		}
		var q ccQuery
		if err := d.Decode(&q); err != nil {
			return err
		}
		*qs = append(*qs, q)
	}
	return nil
}

// check returns what is too much in the request.
func (r *ccRequest) check() error {
	series := 0
	for i := range r.Queries {
		n, levels := r.Queries[i].size()
		if levels > maxCCLevels {
			return refuse(fmt.Sprintf("queries[%d]", i), fmt.Sprintf("is a series of more than %d levels", maxCCLevels))
		}
		if series += n; series > maxCCSeries {
			return refuse(fmt.Sprintf("queries[%d]", i), fmt.Sprintf("is more than %d series", maxCCSeries))
		}
	}
	return nil
}

// size returns how many series q asks for, and how many levels the largest of
// them may have. Neither overflows: a body is not large enough.
func (q *ccQuery) size() (series, levels int) {
	if q.Type == nil {
		return 1, 1
	}
	sum, most := ccSizes(*q.Type, q.TypeIDs)
	n := len(q.TypeIDs)
	if q.SubType != nil {
		subSum, subMost := ccSizes(*q.SubType, q.SubTypeIDs)
		sum, most, n = sum*subSum, most*subMost, n*len(q.SubTypeIDs)
	}
	if q.Aggregate {
		return 1, sum
	}
	return n, most
}

// ccSizes returns how many parts ccParts makes of the ids, of all and of one.
func ccSizes(typ string, ids []string) (sum, most int) {
	for _, id := range ids {
		n := 1
		if typ == "" || id == "" {
			n = max(1, len(typ)+len(id))
		}
		sum, most = sum+n, max(most, n)
	}
	return sum, most
}

// query answers series by series: no more than one is in memory.
func (c ccFace) query(w http.ResponseWriter, r *http.Request) error {
	req := ccRequest{WithStats: true, WithData: true, WithPadding: true}
	if err := ccDecode(w, r, &req, false); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	if err := c.since(req.From); err != nil {
		return err
	}
	a := ccAnswer{face: c, req: &req, reader: c.Reader(), encoder: newEncoder(w, typeJSON)}
	if req.ForAllNodes != nil {
		a.nodes = c.nodes(req.Cluster)
		if len(a.nodes)*len(req.ForAllNodes) > maxCCSeries {
			return refuse("for-all-nodes", fmt.Sprintf("is more than %d series", maxCCSeries))
		}
	}
	return a.write(r.Context())
}

// nodes returns the names of the cluster's nodes, in order.
func (c ccFace) nodes(cluster string) []string {
	var out []string
	for _, p := range c.Store.Nodes() {
		if p.Cluster == cluster {
			out = append(out, p.Node)
		}
	}
	return out
}

// A ccAnswer is an answer on its way out.
type ccAnswer struct {
	*encoder
	face   ccFace
	req    *ccRequest
	nodes  []string
	reader *query.Reader
	padded int64 // gaps written so far
}

func (a *ccAnswer) write(ctx context.Context) error {
	a.text("{")
	if len(a.nodes) > 0 && len(a.req.ForAllNodes) > 0 {
		if err := a.echo(); err != nil {
			return err
		}
	}
	a.text(`"results":[`)
	first := true
	for q := range a.queries() {
		a.next(&first)
		a.text("[")
		if err := a.result(ctx, q); err != nil {
			return err
		}
		a.text("]")
	}
	a.text("]}\n")
	return a.Flush()
}

// next writes what is between two entries.
func (a *ccAnswer) next(first *bool) {
	if !*first {
		a.text(",")
	}
	*first = false
}

// echo writes the queries that for-all-nodes became.
func (a *ccAnswer) echo() error {
	a.text(`"queries":[`)
	first := true
	for q := range a.generated() {
		a.next(&first)
		b := appendString(append(a.AvailableBuffer(), `{"metric":`...), q.Metric)
		b = appendString(append(b, `,"host":`...), q.Host)
		if _, err := a.Write(append(b, `,"resolution":0,"aggreg":false}`...)); err != nil {
			return err
		}
	}
	a.text("],")
	return nil
}

// queries returns those that were asked and then those of all nodes.
func (a *ccAnswer) queries() iter.Seq[*ccQuery] {
	return func(yield func(*ccQuery) bool) {
		for i := range a.req.Queries {
			if !yield(&a.req.Queries[i]) {
				return
			}
		}
		a.generated()(yield)
	}
}

func (a *ccAnswer) generated() iter.Seq[*ccQuery] {
	return func(yield func(*ccQuery) bool) {
		for _, node := range a.nodes {
			for _, name := range a.req.ForAllNodes {
				if !yield(&ccQuery{Metric: name, Host: node}) {
					return
				}
			}
		}
	}
}

// result writes the series of one query. A level that has none has no entry.
func (a *ccAnswer) result(ctx context.Context, q *ccQuery) error {
	first := true
	for set := range q.sets(a.req.Cluster) {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, found := a.series(q, set)
		if !found {
			continue
		}
		a.next(&first)
		if err := a.entry(&s); err != nil {
			return err
		}
	}
	return nil
}

// sets returns the levels of each series that q asks for: with aggreg of the one.
func (q *ccQuery) sets(cluster string) iter.Seq[[]selector.Path] {
	node := selector.Path{Cluster: cluster, Node: q.Host}
	return func(yield func([]selector.Path) bool) {
		switch {
		case cluster == "" || q.Host == "": // no level has such a name
			yield(nil)
		case q.Type == nil:
			yield([]selector.Path{node})
		case q.Aggregate:
			var all []selector.Path
			for set := range q.levels(node) {
				all = append(all, set...)
			}
			yield(all)
		default:
			q.levels(node)(yield)
		}
	}
}

// levels returns the levels of each type-id and subtype-id, and how else what is
// their name could be read.
func (q *ccQuery) levels(node selector.Path) iter.Seq[[]selector.Path] {
	return func(yield func([]selector.Path) bool) {
		for _, id := range q.TypeIDs {
			components := q.components(node, id)
			if q.SubType == nil {
				if !yield(components) {
					return
				}
				continue
			}
			for _, sub := range q.SubTypeIDs {
				if !yield(ccBelow(components, ccParts(*q.SubType, sub))) {
					return
				}
			}
		}
	}
}

func (q *ccQuery) components(node selector.Path, id string) []selector.Path {
	if *q.Type == "" && id == ccNodeID {
		if q.SubType != nil {
			node.Component = ccNode()
		}
		return []selector.Path{node}
	}
	var out []selector.Path
	for _, part := range ccParts(*q.Type, id) {
		node.Component = part
		out = append(out, node)
	}
	return out
}

func ccBelow(components []selector.Path, parts []selector.Part) []selector.Path {
	var out []selector.Path
	for _, p := range components {
		for _, part := range parts {
			p.Sub = part
			out = append(out, p)
		}
	}
	return out
}
