package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// lateSteps is how many steps a series may be behind.
const lateSteps = 5

type ccHealthRequest struct {
	Cluster string   `json:"cluster"`
	Nodes   []string `json:"nodes"`
	Metrics []string `json:"metric-names"`
}

type ccHealth struct {
	State   string // full, partial or failed
	Metrics string `json:"HealthMetrics"` // JSON in a string: a ccHealthMetrics
}

type ccHealthMetrics struct {
	Degraded []string `json:"degraded"` // a series of it is late
	Missing  []string `json:"missing"`
}

// health tells which metrics nodes have lately sent.
func (c ccFace) health(w http.ResponseWriter, r *http.Request) error {
	if err := c.since(Everything); err != nil {
		return err
	}
	var req ccHealthRequest
	if err := ccDecode(w, r, &req, true); err != nil {
		if e := known(err); e.Status == http.StatusBadRequest {
			return refuse("", "parsing request body failed: "+e.Error())
		}
		return err
	}
	slices.Sort(req.Nodes)
	req.Nodes = slices.Compact(req.Nodes)
	if len(req.Nodes)*len(req.Metrics) > maxCCSeries {
		return refuse("nodes", fmt.Sprintf("and metric-names are more than %d pairs", maxCCSeries))
	}
	return c.writeHealth(r.Context(), newEncoder(w, typeJSON), &req)
}

// writeHealth writes the answer, node by node.
func (c ccFace) writeHealth(ctx context.Context, e *encoder, req *ccHealthRequest) error {
	e.text("{")
	for i, node := range req.Nodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := c.nodeHealth(selector.Path{Cluster: req.Cluster, Node: node}, req.Metrics)
		if err != nil {
			return err
		}
		if i > 0 {
			e.text(",")
		}
		e.append(append(appendString(e.AvailableBuffer(), node), ':'))
		if err := e.line(h); err != nil {
			return err
		}
	}
	e.text("}\n")
	return e.Flush()
}

func (c ccFace) nodeHealth(node selector.Path, metrics []string) (ccHealth, error) {
	late := map[string]bool{} // of each metric that the node has
	if node.Cluster != "" && node.Node != "" {
		for h := range c.Store.Held(node, selector.Path{}) {
			name := c.Table.At(h.Metric).Name
			late[name] = late[name] || c.isLate(h)
		}
	}
	if len(late) == 0 {
		return ccHealth{State: "failed"}, nil
	}
	found := ccHealthMetrics{Degraded: []string{}, Missing: []string{}}
	for _, name := range metrics {
		if isLate, there := late[name]; !there {
			found.Missing = append(found.Missing, name)
		} else if isLate {
			found.Degraded = append(found.Degraded, name)
		}
	}
	text, err := json.Marshal(found)
	return ccHealth{State: ccState(len(metrics), len(found.Degraded)+len(found.Missing)), Metrics: string(text)}, err
}

func ccState(all, bad int) string {
	switch bad {
	case 0:
		return "full"
	case all:
		return "failed"
	}
	return "partial"
}

// isLate reports whether a series ended too long ago.
func (c ccFace) isLate(h store.Held) bool {
	if len(h.Blocks) == 0 {
		return true
	}
	end := h.Blocks[len(h.Blocks)-1].To
	return c.Now().Unix()-end > lateSteps*c.Table.At(h.Metric).Step
}
