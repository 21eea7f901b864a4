package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tallystick/benchmarks/workload"
)

// TestReaders has each peer's reader read what the peer writes, with all values right, and then with
// another digit.
func TestReaders(t *testing.T) {
	for _, c := range []struct {
		name   string
		reader reader
		write  func(w *workload.Workload, q question) string
	}{
		{"tallystick", &tallystick{}, tallystickAnswer},
		{"victoria-metrics", newVictoriaMetrics(), promAnswer("type-id")},
		{"prometheus", newPrometheus(), promAnswer("type_id")},
		{"influxdb", influxDB{}, influxAnswer},
		{"cc-metric-store", &ccms{}, ccmsAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := tiny(t)
			for _, q := range []question{{metric: 5, node: 1}, {metric: 7, node: -1}, {metric: 2, node: 1, parts: true}, {metric: 1, node: -1, average: true}} {
				if _, ok := c.reader.ask(w, q); !ok {
					continue
				}
				text := c.write(w, q)
				if got := checked(t, c.reader, w, q, text); got.right() == 0 || got.bad()+got.missing > 0 {
					t.Errorf("%+v: %v", q, &got)
				}
				i := strings.LastIndex(text, lastDigits(w, q))
				if got := checked(t, c.reader, w, q, text[:i]+"1"+text[i:]); got.bad() != 1 {
					t.Errorf("%+v: another digit: %v", q, &got)
				}
			}
		})
	}
}

// lastDigits are those of the last value of an answer.
func lastDigits(w *workload.Workload, q question) (digits string) {
	right(w, q, func(_ workload.Series, _ int64, v float64) { digits = fmt.Sprint(v) })
	return digits
}

func checked(t *testing.T, r reader, w *workload.Workload, q question, text string) tally {
	t.Helper()
	a, err := r.read(w, q, []byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return a.check()
}

// right calls put with each value of the right answer.
func right(w *workload.Workload, q question, put func(s workload.Series, at int64, v float64)) {
	series := q.of(w)
	for _, s := range series {
		for slot := range w.Slots {
			v := w.Value(workload.Ref{Series: s, Slot: slot})
			if q.average {
				v = 0
				for _, s := range series {
					v += w.Value(workload.Ref{Series: s, Slot: slot}) / float64(len(series))
				}
			}
			put(w.At(s), w.Time(slot), v)
		}
		if q.average {
			return
		}
	}
}

// each writes what f makes of each series of an answer, whose values are of the form value.
func each(w *workload.Workload, q question, value string, f func(s workload.Series, values string) string) string {
	var list, values []string
	right(w, q, func(s workload.Series, at int64, v float64) {
		values = append(values, strings.NewReplacer("T", strconv.FormatInt(at, 10), "V", fmt.Sprint(v)).Replace(value))
		if len(values) == w.Slots {
			list = append(list, f(s, strings.Join(values, ",")))
			values = nil
		}
	})
	return strings.Join(list, ",")
}

func tallystickAnswer(w *workload.Workload, q question) string {
	return `{"series":[` + each(w, q, "V", func(s workload.Series, values string) string {
		part := ""
		if s.ID != "" {
			part = fmt.Sprintf(`,"component":{"type":%q,"id":%q}`, s.Type, s.ID)
		}
		return fmt.Sprintf(`{"level":{"cluster":"bench","node":%q%s},"metric":"m","step":10,"from":%d,"values":[%s]}`, s.Node, part, w.Begin, values)
	}) + `]}`
}

func promAnswer(id string) func(w *workload.Workload, q question) string {
	return func(w *workload.Workload, q question) string {
		return `{"status":"success","data":{"result":[` + each(w, q, `[T,"V"]`, func(s workload.Series, values string) string {
			return fmt.Sprintf(`{"metric":{"hostname":%q,"type":%q,%q:%q},"values":[%s]}`, s.Node, s.Type, id, s.ID, values)
		}) + `]}}`
	}
}

func influxAnswer(w *workload.Workload, q question) string {
	return `{"results":[{"series":[` + each(w, q, `[T,V]`, func(s workload.Series, values string) string {
		return fmt.Sprintf(`{"columns":["time","value"],"tags":{"hostname":%q,"type":%q,"type-id":%q},"values":[%s]}`, s.Node, s.Type, s.ID, values)
	}) + `]}]}`
}

func ccmsAnswer(w *workload.Workload, q question) string {
	hosts := each(w, q, "", func(s workload.Series, _ string) string { return fmt.Sprintf(`{"host":%q}`, s.Node) })
	results := each(w, q, "V", func(_ workload.Series, values string) string {
		return fmt.Sprintf(`[{"from":%d,"to":%d,"resolution":%d,"data":[%s]}]`, w.Begin, w.End(), w.Step(), values)
	})
	if q.node >= 0 {
		hosts = ""
	}
	return `{"queries":[` + hosts + `],"results":[` + results + `]}`
}

// TestWholes: what is asked for in the end is everything, once.
func TestWholes(t *testing.T) {
	w := tiny(t)
	seen := make(map[int]bool)
	for _, q := range wholes(w) {
		for _, s := range q.of(w) {
			if seen[s] {
				t.Errorf("series %d is asked for twice", s)
			}
			seen[s] = true
		}
	}
	if len(seen) != w.Series() {
		t.Errorf("%d series are asked for, want %d", len(seen), w.Series())
	}
}

// TestQuestions: those of a kind are about other series each time.
func TestQuestions(t *testing.T) {
	w := tiny(t)
	seen := make(map[question]bool)
	for n := range 10 {
		seen[oneSeries.question(w, n)] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d of 10 questions are others", len(seen))
	}
}
