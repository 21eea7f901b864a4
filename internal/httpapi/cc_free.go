package httpapi

import (
	"context"
	"fmt"
	"net/http"
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
	for i, words := range selectors {
		if len(words) > 2 {
			return refuse(fmt.Sprintf("[%d]", i), "only whole nodes can be freed")
		}
	}
	freed := 0
	for _, words := range selectors {
		n, err := c.freeLevel(r.Context(), ccStart(words), to)
		if freed += n; err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", typeText+"; charset=utf-8")
	_, err = fmt.Fprintf(w, "buffers freed: %d\n", freed)
	return err
}

func (c ccFace) freeLevel(ctx context.Context, at selector.Path, to int64) (freed int, err error) {
	if at.Node != "" {
		return c.Store.FreeBefore(at, to), nil
	}
	for _, node := range c.Store.Nodes() {
		if err := ctx.Err(); err != nil {
			return freed, err
		}
		if at.Contains(node) {
			freed += c.Store.FreeBefore(node, to)
		}
	}
	return freed, nil
}
