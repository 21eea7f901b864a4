package main

import "testing"

const metricsText = `# HELP answers_total Messages.
# TYPE answers_total counter
answers_total{answer="later"} 2
answers_total{answer="taken"} 1.7e+06
answers_totals 9
seconds{quantile="1"} 0.000155993
`

func TestTold(t *testing.T) {
	m := told(metricsText)
	for metric, want := range map[string]float64{
		`answers_total{answer="taken"}`: 1.7e6, `answers_total{answer="later"}`: 2, `seconds{quantile="1"}`: 0.000155993,
		"answers_totals": 9, "answers_total": 0, "gone": 0,
	} {
		if got := m.value(metric); got != want {
			t.Errorf("%s: got %v, want %v", metric, got, want)
		}
	}
}
