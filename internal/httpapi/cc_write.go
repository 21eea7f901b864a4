package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallystick/internal/ingest"
)

// ccWrite takes lines as /api/v1/write does, and answers with the codes of
// cc-metric-store: nothing and 200, or 400 and what is wrong with the first line
// that is no line. Lines that are but cannot be kept are passed over there; here
// the answer's head tells how many, and the first.
func (a *API) ccWrite(w http.ResponseWriter, r *http.Request) error {
	body, err := a.open(w, r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	options := ingest.LineOptions{Cluster: q.Get("cluster"), Precision: q.Get("precision"), Within: lineBound(r)}
	t := a.tally("/api/write") // whatever is behind that in the path
	err = takeLines(body, t, func(lines []byte) ingest.Result {
		return a.parts.Ingest.Lines(r.Context(), lines, options)
	})
	ccRejected(w.Header(), &t.result)
	switch {
	case err != nil:
		return broken(err)
	case t.full:
		return &Error{Status: http.StatusServiceUnavailable, Retry: time.Second, Message: noRoom}
	}
	if i := slices.IndexFunc(t.result.Errors, ccFatal); i >= 0 {
		return refuse("", ccPlace(&t.result.Errors[i]))
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(http.StatusOK)
	return nil
}

// ccFatal reports whether cc-metric-store answers such a line with 400, or would
// if it noticed.
func ccFatal(r ingest.Reject) bool {
	switch r.Reason {
	case ingest.ReasonMetric, ingest.ReasonMany, ingest.ReasonOld, ingest.ReasonFuture, ingest.ReasonName:
		return false
	}
	return true
}

// ccRejected tells in the head how many lines were refused, and the first of them.
func ccRejected(h http.Header, res *ingest.Result) {
	if res.Rejected == 0 {
		return
	}
	h.Set("Tallystick-Rejected", strconv.Itoa(res.Rejected))
	if len(res.Errors) > 0 {
		text := strconv.QuoteToASCII(res.Errors[0].Reason + " " + ccPlace(&res.Errors[0]))
		h.Set("Tallystick-Reason", strings.Trim(text, `"`))
	}
}

func ccPlace(r *ingest.Reject) string {
	if r.Line == 0 {
		return r.Text
	}
	return fmt.Sprintf("at line %d:%d: %s", r.Line, max(r.Column, 1), r.Text)
}
