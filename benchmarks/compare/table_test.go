package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	b := &bench{rounds: 3, size: 8000, args: []string{"-rounds", "3", "-peers", "a=/home/me/a,b", "-dir", "/tmp/x"}, without: []string{"c (not found)"}}
	b.load.Shape = "telemetry"
	tab := newTable(b, tiny(t), []candidate{{name: "a", version: "1"}, {name: "b", version: "2"}})
	for _, v := range []float64{2, 9, 1} {
		tab.put("a", ingestLarge, v)
		tab.put("b", ingestLarge, 3*v)
		tab.put("a", kept, 100)
	}
	var out strings.Builder
	if err := tab.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| ingest, 8,000 samples a request: CPU-s per million | 2.000 | 6.000 (×3.00) |\n",
		"| ingest, 8,000 samples a request: CPU-s per million | 1.000 to 9.000 | 3.000 to 27.000 |\n",
		"| after kill -9, there of what was acknowledged: % | 100.000 | – |\n",
		"- b: 2\n- without c (not found)\n",
		"COMPARE=\"-rounds 3 -peers a=PATH,b -dir PATH\"",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestLatencies(t *testing.T) {
	var l latencies
	for i := 100; i > 0; i-- {
		l = append(l, time.Duration(i)*time.Millisecond)
	}
	if got := l.at(0.5); got != 50 {
		t.Errorf("median: got %v, want 50", got)
	}
	if got := l.at(0.99); got != 99 {
		t.Errorf("99 %%: got %v, want 99", got)
	}
}

func TestAnother(t *testing.T) {
	found := []candidate{{name: "tallystick"}, {name: "tallystick 2"}}
	if got := another(found, "tallystick"); got != "tallystick 3" {
		t.Errorf("got %q, want the third", got)
	}
	if got := another(found, "tally"); got != "tally" {
		t.Errorf("got %q, want the name alone", got)
	}
}
