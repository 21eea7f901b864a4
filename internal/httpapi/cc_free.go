package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"tallystick/internal/selector"
)

// free gives blocks back that end before a time, node by node: others read and
// write meanwhile.
func (c ccFace) free(w http.ResponseWriter, r *http.Request) error {
	raw := r.URL.Query().Get("to")
	if raw == "" {
		return refuse("", "'to' is a required query parameter")
	}
	to, err := strconv.ParseInt(raw, 10, 64)
	if err != nil {
		return refuse("to", "is not an integer of 64 bits")
	}
	var selectors [][]string
	if err := ccDecode(w, r, &selectors, false); err != nil {
		return err
	}
	freed := 0
	for _, words := range selectors {
		n, err := c.Free(r.Context(), c.named(words), to)
		if freed += n; err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", typeText+"; charset=utf-8")
	_, err = fmt.Fprintf(w, "buffers freed: %d\n", freed)
	return err
}

// named returns the nodes at and below the level with these names, or the levels
// below a node that may have them.
func (c ccFace) named(words []string) []selector.Path {
	var out []selector.Path
	if len(words) < 3 {
		for _, p := range c.Store.Nodes() {
			if len(words) == 0 || p.Cluster == words[0] && (len(words) == 1 || p.Node == words[1]) {
				out = append(out, p)
			}
		}
		return out
	}
	for h := range c.Store.Held(selector.Path{Cluster: words[0], Node: words[1]}, selector.Path{}) {
		name := ccName(h.Path)
		if len(name) < len(words) || !slices.Equal(name[:len(words)], words) {
			continue
		}
		p := h.Path
		if len(words) == 3 {
			p.Sub = selector.Part{}
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
