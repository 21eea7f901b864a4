package record_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/record"
	"tallystick/internal/transfer"
)

// A row is a record as those who are fed with it read it.
type row map[string]any

// ends are an Output that keeps what has ended.
type ends map[string]*transfer.Transfer

func (e ends) Transfer(t *transfer.Transfer) { e[t.ID] = t }
func (ends) Sample(collect.Sample)           {}
func (ends) Server(collect.Server)           {}
func (ends) Loss(transfer.Loss)              {}
func (ends) Life(transfer.Life)              {}
func (ends) Balance(transfer.Balance)        {}
func (ends) Event(transfer.Event)            {}

// collected returns what the collector makes of a capture, by ID.
func collected(t *testing.T, name string) []*transfer.Transfer {
	t.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	e := ends{}
	out := collect.New(collect.Default(), e)
	var at time.Time
	for _, p := range c.Packets {
		at = time.Unix(0, int64(p.Time*1e9))
		_ = out.Packet(at, collect.Packet{Remote: p.Remote, Data: p.Data}) // of other kinds than transfers some are refused
		out.Advance(at)
	}
	out.Advance(at.Add(time.Hour))
	return slices.SortedFunc(maps.Values(e), func(a, b *transfer.Transfer) int { return cmp.Compare(a.ID, b.ID) })
}

// recorded returns what a collector made of a capture, of file accesses.
func recorded(t *testing.T, name, file string) (rows []row) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		r := decode(t, line)
		if _, ok := r["read"]; ok { // else it is of a g-stream
			delete(r, "_exchange")
			rows = append(rows, r)
		}
	}
	return rows
}

func decode(t *testing.T, line []byte) row {
	t.Helper()
	r := make(row)
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func encode(t *testing.T, form record.Form, x *transfer.Transfer) row {
	t.Helper()
	b, err := record.Encode(form, x, record.Producer{Producer: "p", Type: "t", Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, b)
}

// access is what both have of a file access, and get right: enough to find the records
// of the same one. Those that are alike in it stay in order.
func access(r row) string {
	start, _, _ := strings.Cut(fmt.Sprint(r["serverID"]), "#")
	if site, ok := r["site"].(string); !ok || strings.EqualFold(site, "unknown") { // the Python collector tells neither then
		return fmt.Sprintf("unknown %v %v %v", r["read"], r["readv"], r["filesize"])
	}
	return fmt.Sprintf("%s %v %v %v %v", start, r["site"], r["read"], r["readv"], r["filesize"])
}

// within reports whether a time is the recorded one, or at most so much later: servers
// flush every five seconds.
func within(got, want any, most float64) bool {
	g, ok1 := got.(float64)
	w, ok2 := want.(float64)
	return ok1 && ok2 && g >= w && g-w <= most
}

// same reports whether a value is as it was recorded, or as it should have been.
func same(key string, got, want row) bool {
	g, w := got[key], want[key]
	switch key {
	case "serverID": // without the port
		cut := func(v any) string {
			return strings.Join(strings.FieldsFunc(fmt.Sprint(v), func(r rune) bool { return r == '#' || r == ':' })[:2], " ")
		}
		return cut(g) == cut(w)
	case "server_hostname": // the server's own name for what was 127.0.0.1
		return g != "" && g != nil
	case "filename", "dirname1", "dirname2", "user", "host", "protocol", "ipv6", "logical_dirname":
		if want["filename"] == "" { // of a file opened for writing, or without its name in the open record
			return true
		}
	}
	if strings.HasSuffix(key, "_min") && w == 2147483647.0 { // of no such operation
		return g == 0.0
	}
	return g == w
}

// compare holds the records of a capture against the recorded ones.
func compare(t *testing.T, name, file string, form record.Form, wrong func(key string, got, want row) bool) (n int) {
	t.Helper()
	theirs := make(map[string][]row)
	for _, r := range recorded(t, name, file) {
		theirs[access(r)] = append(theirs[access(r)], r)
	}
	ours := make(map[string][]row)
	for _, x := range collected(t, name) {
		if x.End == transfer.Closed || x.End == transfer.Forced {
			r := encode(t, form, x)
			ours[access(r)] = append(ours[access(r)], r)
		}
	}
	for what, want := range theirs {
		got := ours[what]
		if len(got) != len(want) {
			t.Errorf("%s: got %d records of %s, want %d", name, len(got), what, len(want))
			continue
		}
		for i, w := range pair(got, want) {
			n++
			for key := range w {
				if g := got[i]; !same(key, g, w) && !wrong(key, g, w) {
					t.Errorf("%s: %s: %s is %v, want %v", name, what, key, g[key], w[key])
				}
			}
		}
	}
	if len(ours) != len(theirs) {
		t.Errorf("%s: got %d kinds of records, want %d", name, len(ours), len(theirs))
	}
	return n
}

// pair puts the recorded rows into the order of ours: those that have most in common
// are beside each other.
func pair(ours, theirs []row) []row {
	out := make([]row, len(ours))
	taken := make([]bool, len(theirs))
	for range ours {
		left, right, most := 0, 0, -1
		for i, o := range ours {
			for j, r := range theirs {
				if n := common(o, r); out[i] == nil && !taken[j] && n > most {
					left, right, most = i, j, n
				}
			}
		}
		out[left], taken[right] = theirs[right], true
	}
	inOrder(ours, out)
	return out
}

// common returns how many values a and b have in common; who it was counts most.
func common(a, b row) (n int) {
	for k, v := range a {
		switch {
		case b[k] != v:
		case k == "user", k == "filename":
			n += 100
		default:
			n++
		}
	}
	return n
}

// inOrder gives those of ours that differ in nothing but their times the recorded rows in
// the order of the ends.
func inOrder(ours, theirs []row) {
	alike := make(map[string][]int)
	for i, o := range ours {
		o = maps.Clone(o)
		maps.DeleteFunc(o, func(k string, _ any) bool {
			return strings.HasSuffix(k, "time") || k[0] == '@' || strings.HasPrefix(k, "tally") || k == "timestamp"
		})
		what := fmt.Sprint(o) // maps are printed in order
		alike[what] = append(alike[what], i)
	}
	end := func(r row) float64 { return r["end_time"].(float64) }
	for _, places := range alike {
		var of []row
		for _, i := range places {
			of = append(of, theirs[i])
		}
		slices.SortStableFunc(of, func(a, b row) int { return cmp.Compare(end(a), end(b)) })
		slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(end(ours[a]), end(ours[b])) })
		for n, i := range places {
			theirs[i] = of[n]
		}
	}
}

func captures() []string {
	return []string{
		"s01_full_reads", "s02_partial_vector", "s03_concurrent_users", "s05_failures_names",
		"s06_killed_longlived", "s08_restart", "s12_gstream", "s14_configs",
	}
}

// TestAsRecorded holds both forms to what the collectors made of the same packets: every
// key, but for what they are known to get wrong.
func TestAsRecorded(t *testing.T) {
	goWrong := func(key string, got, want row) bool {
		switch key {
		case "@timestamp", "start_time", "end_time", "operation_time": // of the server, and of the collector
			return true
		case "appinfo": // the last of the session instead of that in force
			return want[key] == "second info" && strings.HasPrefix(fmt.Sprint(got[key]), "162_https")
		case "site": // was not known yet, or not any more
			return want[key] == "UNKNOWN"
		}
		return false
	}
	pythonWrong := func(key string, got, want row) bool {
		switch key {
		case "timestamp", "start_time", "end_time":
			return within(got[key], want[key], 5000)
		case "operation_time":
			return math.Abs(got[key].(float64)-want[key].(float64)) <= 5
		case "appinfo":
			return want[key] == "second info" && strings.HasPrefix(fmt.Sprint(got[key]), "162_https")
		case "read_min": // the smallest of the kind that there was not
			return want[key] == 0.0 && (got[key] == got["read_single_min"] || got[key] == got["read_vector_min"])
		case "read_vector_count_average": // by bytes instead of by vector reads
			return got[key].(float64) >= want[key].(float64)
		}
		return false
	}
	var goRecords, pythonRecords int
	for _, name := range captures() {
		goRecords += compare(t, name, "collector-go.jsonl", record.Go, goWrong)
		pythonRecords += compare(t, name, "collector-py.jsonl", record.Python, pythonWrong)
	}
	if goRecords != 279 || pythonRecords != 279 {
		t.Errorf("compared %d and %d records, want 279 of each", goRecords, pythonRecords)
	}
}
