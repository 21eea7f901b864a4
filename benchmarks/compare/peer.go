package main

import (
	"context"
	"math"
	"net/http"
	"os/exec"

	"tallystick/benchmarks/workload"
)

// A peer is a store that is compared: how it is started, how samples are sent to it,
// and how it is asked. It has what it takes from here at its defaults, durability above all.
type peer interface {
	server
	writer
	reader
}

// A server is how a peer runs.
type server interface {
	// command writes what the server needs, and returns how it is started.
	command(ctx context.Context, at place, w *workload.Workload) (*exec.Cmd, error)
	// begin are requests that a new server needs before it takes samples.
	begin() []request
	// ready is a request that is answered with 2xx once the server takes all others.
	ready() request
}

// A place is where a server runs.
type place struct {
	bin  string
	dir  string // its data, and nothing else
	conf string // its configuration
	addr string // host:port
}

// A writer is how samples are sent.
type writer interface {
	// takes tells why the samples of a shape cannot be sent, "" if they can.
	takes(shape string) (whyNot string)
	// encode appends the body of a request with samples.
	encode(dst []byte, w *workload.Workload, batch []workload.Ref) []byte
	// write is the request with such a body.
	write(body []byte) request
}

// A reader is how samples are asked for.
type reader interface {
	// ask is a question as a request; false if the peer has no answer to such.
	ask(w *workload.Workload, q question) (request, bool)
	// read reads the answer to it.
	read(w *workload.Workload, q question, body []byte) (*answer, error)
}

// A request is one over HTTP. The path has its parameters.
type request struct {
	method, path string
	head         map[string]string
	body         []byte
}

func get(path string) request { return request{method: http.MethodGet, path: path} }

// A question is about a metric, of the whole time that a workload has.
type question struct {
	metric  int  // of the columns of a node, or of its parts
	node    int  // -1: all
	parts   bool // of the parts of the node, all of them, instead of the node itself
	average bool // over all that it is about, slot by slot
}

// series is how the metric of a question is called.
func (q question) series(w *workload.Workload) workload.Series {
	node, part := w.Columns()
	if q.parts {
		return part[q.metric]
	}
	return node[q.metric]
}

// nodeName is the node of a question that has one.
func (q question) nodeName(w *workload.Workload) string {
	return w.At(w.NodeSeries(q.node, 0)).Node
}

// of are the series that the question is about.
func (q question) of(w *workload.Workload) (list []int) {
	from, to := q.node, q.node+1
	if q.node < 0 {
		from, to = 0, w.Nodes
	}
	for node := from; node < to; node++ {
		if !q.parts {
			list = append(list, w.NodeSeries(node, q.metric))
			continue
		}
		for part := range w.AllParts() {
			list = append(list, w.PartSeries(node, part, q.metric))
		}
	}
	return list
}

// An answer is values: of each series, by slot, NaN where there is none. That of an
// average has one series, 0.
type answer struct {
	w      *workload.Workload
	q      question
	index  map[workload.Series]int // of what was asked for
	values map[int][]float64
	rounds float64 // by how much the peer is known to round
	others int     // values that are of no such series, or between slots
}

func newAnswer(w *workload.Workload, q question) *answer {
	a := &answer{w: w, q: q, index: make(map[workload.Series]int), values: make(map[int][]float64)}
	if q.average {
		a.index[workload.Series{}] = 0
		return a
	}
	for _, s := range q.of(w) {
		at := w.At(s)
		a.index[workload.Series{Node: at.Node, Type: at.Type, ID: at.ID}] = s
	}
	return a
}

// of returns what takes the values of a series; node, kind and id are those of a
// workload.Series, where kind may be "" for the node itself. All are "" for an average.
func (a *answer) of(node, kind, id string) func(at int64, v float64) {
	if a.q.average {
		node, kind, id = "", "", ""
	} else if kind == "" {
		kind = workload.NodeType
	}
	s, ok := a.index[workload.Series{Node: node, Type: kind, ID: id}]
	if !ok {
		return func(int64, float64) { a.others++ }
	}
	if a.values[s] == nil {
		a.values[s] = gaps(a.w.Slots)
	}
	slots := a.values[s]
	return func(at int64, v float64) {
		slot := (at - a.w.Begin) / a.w.Step()
		if slot < 0 || slot >= int64(len(slots)) || a.w.Time(int(slot)) != at || !math.IsNaN(slots[slot]) {
			a.others++
			return
		}
		slots[slot] = v
	}
}

func gaps(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}
