package record_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/record"
	"tallystick/internal/transfer"
)

// told are the events that a collector tells.
type told struct {
	ends

	events map[string]transfer.Event
}

func (e told) Event(v transfer.Event) { e.events[v.ID] = v }

// eventsOf returns the events of a capture.
func eventsOf(t *testing.T, name string) (out []transfer.Event) {
	t.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	e := told{ends{}, map[string]transfer.Event{}}
	col := collect.New(collect.Default(), e)
	var at time.Time
	for _, p := range c.Packets {
		at = time.Unix(0, int64(p.Time*1e9))
		_ = col.Packet(at, collect.Packet{Remote: p.Remote, Data: p.Data}) // of other kinds some are refused
	}
	col.Advance(at.Add(time.Hour))
	for _, v := range e.events {
		out = append(out, v)
	}
	return out
}

// eventRows returns what a collector recorded of caches and copies.
func eventRows(t *testing.T, file string) (rows []row) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "s12_gstream", file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		r := decode(t, line)
		if _, ok := r["read"]; !ok { // else it is of a file access
			delete(r, "_exchange")
			rows = append(rows, r)
		}
	}
	return rows
}

// Ensure that events have the keys and values that were recorded of both collectors, but
// for the port of the server, and ours besides. The Go collector tells of one form of
// g-streams only, and the Python collector nothing of caches of that version.
func TestEventsAsRecorded(t *testing.T) {
	f := func(form record.Form, file string) {
		t.Helper()
		var got []row
		for _, e := range eventsOf(t, "s12_gstream") {
			b, err := record.EncodeEvent(form, &e, record.Producer{})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, eventRow(decode(t, b)))
		}
		want := eventRows(t, file)
		if len(want) == 0 {
			t.Fatalf("%s has no events", file)
		}
		for _, w := range want {
			w = eventRow(w)
			i := slices.IndexFunc(got, func(g row) bool { return reflect.DeepEqual(g, w) })
			if i < 0 {
				t.Errorf("%s: %v is not there", form, w)
				continue
			}
			got = slices.Delete(got, i, i+1)
		}
	}
	f(record.Go, "collector-go.jsonl")
	f(record.Python, "collector-py.jsonl")
}

// eventRow returns r without what is ours, and what is another socket's or name for the
// same server.
func eventRow(r row) row {
	delete(r, "tallystick_id")
	delete(r, "server_hostname")
	for _, key := range []string{"sid", "from"} {
		if v, ok := r[key].(string); ok {
			r[key] = v[:strings.LastIndexByte(v, ':')+1]
		}
	}
	return r
}

// Ensure what newer caches tell is computed as the collectors do, and what cannot be made
// a record is told.
func TestEvents(t *testing.T) {
	e := transfer.Event{
		ID: "5.1700000000.pfc.x", Provider: transfer.PFC, SID: 5, Stod: 1700000000, Server: "cache.example:1094", Address: "192.0.2.1:1094",
		At: transfer.Interval{1700000010, 1700000020}, Path: "/store/f",
		Record: `{"event":"file_close","lfn":"/store/f","b_hit":1,"b_miss":2,"b_bypass":30,"b_todisk":400,"b_prefetch":100}`,
	}
	b, err := record.EncodeEvent(record.WLCG, &e, record.Producer{Producer: "p", Type: "t", Host: "h"})
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, b)
	for key, want := range (row{
		"file_path": "/store/f", "bytes_read_by_remote": 430.0, "bytes_explicit_remote_read": 330.0, "bytes_to_disk": 400.0,
		"bytes_by_prefetch": 100.0, "server_hostname": "cache.example", "server_ip": "192.0.2.1", "sid": "1700000000#192.0.2.1:1094",
		"tallystick_id": e.ID,
	}) {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	m, _ := got["metadata"].(map[string]any)
	if m == nil || m["timestamp"] != 1700000020000.0 || m["producer"] != "p" || m["_id"] == "" {
		t.Errorf("metadata is %v", got["metadata"])
	}
	bad := func(change func(e *transfer.Event)) {
		t.Helper()
		x := e
		change(&x)
		if _, err := record.EncodeEvent(record.Go, &x, record.Producer{}); err == nil {
			t.Errorf("%+v: got no error", x)
		}
	}
	bad(func(e *transfer.Event) { e.Record = "" })
	bad(func(e *transfer.Event) { e.Record = `{"b_todisk":"x"}` })
	bad(func(e *transfer.Event) { e.Provider = transfer.Purge })
	bad(func(e *transfer.Event) { e.Provider, e.Record = transfer.TPC, `{"Xeq":1}` })
}
