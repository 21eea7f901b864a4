package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"tallystick/benchmarks/workload"
)

// promQL is how Prometheus and what is like it are asked, and how they answer.
type promQL struct {
	suffix string                              // of the names of metrics that have one field
	typeID string                              // the label, as an answer has it
	more   func(*workload.Workload) url.Values // parameters of a question; nil: none
}

func (p promQL) name(s workload.Series) string {
	if s.Field == workload.ValueField {
		return s.Measurement + p.suffix
	}
	return s.Metric()
}

func (p promQL) ask(w *workload.Workload, q question) (request, bool) {
	var match []string
	if q.node >= 0 {
		match = append(match, fmt.Sprintf("hostname=%q", q.nodeName(w)))
	}
	if s := q.series(w); !q.parts {
		match = append(match, fmt.Sprintf("type=%q", s.Type))
	}
	text := p.name(q.series(w)) + "{" + strings.Join(match, ",") + "}"
	if q.average {
		text = "avg(" + text + ")"
	}
	v := url.Values{
		"query": {text}, "start": {strconv.FormatInt(w.Begin, 10)}, "end": {strconv.FormatInt(w.End()-w.Step(), 10)},
		"step": {strconv.FormatInt(w.Step(), 10)},
	}
	if p.more != nil {
		maps.Copy(v, p.more(w))
	}
	return get("/api/v1/query_range?" + v.Encode()), true
}

func (p promQL) read(w *workload.Workload, q question, body []byte) (*answer, error) {
	var got struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values []point
			}
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, err
	}
	a := newAnswer(w, q)
	for _, s := range got.Data.Result {
		put := a.of(s.Metric["hostname"], s.Metric["type"], s.Metric[p.typeID])
		for _, v := range s.Values {
			put(v.time, v.value)
		}
	}
	return a, nil
}

// A point is a value in an answer: [seconds, "value"].
type point struct {
	time  int64
	value float64
}

// UnmarshalJSON reads the form above.
func (p *point) UnmarshalJSON(text []byte) error {
	var (
		at    float64
		value string
	)
	err := json.Unmarshal(text, &[]any{&at, &value})
	if err != nil {
		return err
	}
	p.time = int64(at)
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}
