package httpapi

import (
	"crypto/rand"
	"net/http"
	"strings"
)

// An origin is what the log has of where a request comes from, so that one can be followed
// through several programs.
type origin struct {
	id     string // of the request: its sender's (X-Request-Id), if it is sane, or ours
	trace  string // of W3C's traceparent, empty without; and of the span that called
	parent string
}

func originOf(r *http.Request) origin {
	o := origin{id: r.Header.Get("X-Request-Id")}
	if !isRequestID(o.id) {
		o.id = rand.Text()
	}
	o.trace, o.parent = traceparent(r.Header.Get("Traceparent"))
	return o
}

// log returns what is logged with each entry about the request.
func (o origin) log(args ...any) []any {
	args = append(args, "request_id", o.id)
	if o.trace != "" {
		args = append(args, "trace_id", o.trace, "parent_id", o.parent)
	}
	return args
}

// isRequestID reports whether a sender's id can go into logs and headers as it is.
func isRequestID(id string) bool {
	return 0 < len(id) && len(id) <= 64 && strings.Trim(id,
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._:/+=-") == ""
}

// traceparent reads the header of W3C's Trace Context, level 1:
// version-trace-parent-flags, of which a later version may have more behind.
func traceparent(h string) (trace, parent string) {
	const size = len("00-") + 32 + len("-") + 16 + len("-00")
	if len(h) < size || h[2] != '-' || h[35] != '-' || h[52] != '-' {
		return "", ""
	}
	version, trace, parent, flags := h[:2], h[3:35], h[36:52], h[53:size]
	longer := len(h) > size
	good := isHex(version) && version != "ff" && isHex(flags) &&
		isHex(trace) && strings.Trim(trace, "0") != "" && isHex(parent) && strings.Trim(parent, "0") != "" &&
		(!longer || version != "00" && h[size] == '-')
	if !good {
		return "", ""
	}
	return trace, parent
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
