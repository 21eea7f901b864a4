package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tallystick/internal/query"
	"tallystick/internal/selector"
)

// A metricList is the answer of /api/v1/metrics.
type metricList struct {
	Metrics []query.Metric `json:"metrics"`
}

func (a *API) metricList(w http.ResponseWriter, r *http.Request) error {
	if err := a.since(Everything); err != nil {
		return err
	}
	q := r.URL.Query()
	at, err := levelOf(q)
	if err != nil {
		return err
	}
	metrics, err := a.parts.Query.Metrics(r.Context(), at, q.Get("clusters") == "true")
	if err != nil {
		return fmt.Errorf("list metrics: %w", err)
	}
	return answer(w, http.StatusOK, &metricList{list(metrics)})
}

// A treePage is the answer of /api/v1/tree.
type treePage struct {
	Levels []treeLevel `json:"levels"`
	Next   string      `json:"next,omitempty"`
}

// A treeLevel is a level, and with ?metrics=true what is held at or below it.
type treeLevel struct {
	Level   selector.Path `json:"level"`
	Metrics []string      `json:"metrics,omitempty"`
}

func (a *API) tree(w http.ResponseWriter, r *http.Request) error {
	if err := a.since(Everything); err != nil {
		return err
	}
	q := r.URL.Query()
	at, err := levelOf(q)
	if err != nil {
		return err
	}
	after, err := parseChild(at, q.Get("after"))
	if err != nil {
		return err
	}
	limit := int64(pageSize)
	if err := number(q, "limit", &limit); err != nil {
		return err
	}
	levels, more, err := a.parts.Query.Children(r.Context(), at, after, int(limit))
	if err != nil {
		return fmt.Errorf("list levels: %w", err)
	}
	page := treePage{Levels: make([]treeLevel, len(levels))}
	for i, p := range levels {
		if page.Levels[i].Level = p; q.Get("metrics") == "true" {
			page.Levels[i].Metrics = a.parts.Query.MetricsAt(p)
		}
	}
	if more {
		page.Next = formatChild(levels[len(levels)-1])
	}
	return answer(w, http.StatusOK, &page)
}

// levelOf returns the level that the parameters name, from the left.
func levelOf(q url.Values) (selector.Path, error) {
	p := selector.Path{
		Cluster: q.Get("cluster"), Node: q.Get("node"),
		Component: selector.Part{Type: q.Get("type"), ID: q.Get("type_id")},
	}
	switch {
	case p.Node != "" && p.Cluster == "":
		return p, refuse("node", "is given without cluster")
	case p.Component != selector.Part{} && p.Node == "":
		return p, refuse("type", "is given without node")
	case (p.Component.Type == "") != (p.Component.ID == ""):
		return p, refuse("type_id", "type and type_id are given together")
	}
	return p, nil
}

// formatChild returns where a page ended: the last names of p, between which a
// NUL cannot be taken for a part of either.
func formatChild(p selector.Path) string {
	name := p.Node
	switch {
	case p.Sub != selector.Part{}:
		name = p.Sub.Type + "\x00" + p.Sub.ID
	case p.Component != selector.Part{}:
		name = p.Component.Type + "\x00" + p.Component.ID
	case p.Node == "":
		name = p.Cluster
	}
	return base64.RawURLEncoding.EncodeToString([]byte(name))
}

// parseChild returns the level below at that formatChild was given; the empty
// path of nothing.
func parseChild(at selector.Path, text string) (selector.Path, error) {
	if text == "" {
		return selector.Path{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	name, id, two := strings.Cut(string(b), "\x00")
	if err != nil || two != (at.Node != "") {
		return at, refuse("after", "is not the next of a page of this level")
	}
	switch {
	case at.Component != selector.Part{}:
		at.Sub = selector.Part{Type: name, ID: id}
	case at.Node != "":
		at.Component = selector.Part{Type: name, ID: id}
	case at.Cluster != "":
		at.Node = name
	default:
		at.Cluster = name
	}
	return at, nil
}
