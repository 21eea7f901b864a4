package ingest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/selector"
	"tallystick/internal/transfer"
	"tallystick/internal/wal"
)

// TestValue is of what a value takes in a record.
func TestValue(t *testing.T) {
	f := func(size int, values ...float64) {
		t.Helper()
		for _, v := range values {
			wantValue(t, v)
			if _, got, _ := ingest.Value(v); got != size {
				t.Errorf("%v takes %d bytes, want %d", v, got, size)
			}
		}
	}
	f(1, 0)
	f(2, 1, -1, 2, 127, -128, math.Copysign(0, -1), 0.01, -1.27, 0.1, 0.3, 0.0001)
	f(3, 128, 255, 256, -32768, 57.43, -99.5, 1e4, math.Inf(1), math.Inf(-1))
	f(4, 99999, 1234.56, 98.765)
	f(7, 1<<47-1)
	f(8, 1<<53-1, -(1<<53 - 1))
	f(3, 1<<53, 1<<60, -(1 << 53)) // few bits, though large
	f(9, 1.0/3, math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64)
}

// wantValue checks that v comes back as it was, to the bit.
func wantValue(tb testing.TB, v float64) {
	tb.Helper()
	back, size, err := ingest.Value(v)
	if err != nil || math.Float64bits(back) != math.Float64bits(v) {
		tb.Errorf("%x: got %x, %v", math.Float64bits(v), math.Float64bits(back), err)
	}
	if size > 9 {
		tb.Errorf("%v takes %d bytes", v, size)
	}
}

func FuzzValue(f *testing.F) {
	for _, v := range []float64{0, 1, -1, 0.1, 57.43, 1e15, 1 << 53, 1<<53 - 1, math.NaN(), math.Inf(1), math.MaxFloat64} {
		f.Add(math.Float64bits(v), int64(v), uint16(2))
	}
	f.Fuzz(func(t *testing.T, bits uint64, n int64, digits uint16) {
		wantValue(t, math.Float64frombits(bits)) // also those that are no number
		wantValue(t, float64(n)/math.Pow10(int(digits%8)))
	})
}

// TestRecordIsSmall is telemetry: a batch of 3 metrics of each of 40 threads of 20 nodes.
func TestRecordIsSmall(t *testing.T) {
	f := func(name string, most float64, value func(r *rand.Rand) float64) {
		t.Helper()
		w, r := newWorld(t), rand.New(rand.NewPCG(1, 1))
		var b bytes.Buffer
		n := 0
		for thread := range 20 * 40 {
			for _, m := range []string{"cpu_load", "mem_used", "xrd_opens"} {
				n++
				fmt.Fprintf(&b, "%s,cluster=alex,hostname=a%05d,type=hwthread,type-id=%d value=%v %d\n",
					m, thread/40, thread%40, value(r), noon().Unix())
			}
		}
		if r := w.Lines(t.Context(), b.Bytes(), ingest.LineOptions{}); r.Accepted != n {
			t.Fatal(result(r))
		}
		got := float64(len(w.log.records[0].Payload)) / float64(n)
		t.Logf("%s: %.1f bytes a sample, %d as a line", name, got, b.Len()/n)
		if got > most {
			t.Errorf("%s: a sample takes %.1f bytes in the log, want at most %v", name, got, most)
		}
	}
	f("percent", 7, func(r *rand.Rand) float64 { return float64(r.IntN(10_000)) / 100 })
	f("bytes", 10, func(r *rand.Rand) float64 { return float64(r.Int64N(1 << 38)) })
	f("any", 13, (*rand.Rand).Float64)
}

// FuzzReplay takes whatever comes for a record.
func FuzzReplay(f *testing.F) {
	w := newWorld(f)
	w.Lines(f.Context(), someLines(rand.New(rand.NewPCG(1, 1)), noon()), ingest.LineOptions{Message: ingest.Message{Source: "m"}})
	w.Claims(f.Context(), []*transfer.Claim{claim("1", "x:1")})
	w.Packets(f.Context(), []collect.Packet{{Remote: "a", Data: load(f, "s01_full_reads").Packets[0].Data, Arrival: 1}, {Remote: "b", Data: []byte("?")}, {Remote: "a"}})
	if _, err := w.Free(f.Context(), []selector.Path{{Cluster: "c", Node: "n"}}, 5); err != nil {
		f.Fatal(err)
	}
	for _, k := range w.log.records {
		f.Add(k.Payload)
	}
	for _, s := range []string{"", "\x01", "\x02\x01", "\x01\x09", "\x01\x03[null,{}]", "\x01\x02\x05", "\x01\x01\x00\xff\xff\xff\xff\x0f", "\x01\x04"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		w := newWorld(t)
		_ = w.Replay(wal.Record{At: noon(), Payload: record}) // an error is an answer too
		_ = ingest.RecordPackets(record, func(collect.Packet) {})
		for _, c := range ingest.RecordClaims(record) {
			if err := c.Check(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestReplayOfNoRecord is of what cannot be used of a record: it is told.
func TestReplayOfNoRecord(t *testing.T) {
	f := func(record, want string) {
		t.Helper()
		if err := newWorld(t).Replay(wal.Record{At: noon(), Payload: []byte(record)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", record, err, want)
		}
	}
	f("", "ends within")
	f("\x01", "ends within")
	f("\x02\x01", "version 2, want 1")
	f("\x01\x09", "kind 9")
	f("\x01\x03[null]", "null")
	f("\x01\x03{", "JSON")
	f("\x01\x02\x07\x00", "sender 6 of 0")
	f("\x01\x05\x07\x00\x00", "sender 6 of 0")
	f("\x01\x05\x00\x00\x00", "ends within")
	f("\x01\x01\x00\x00\x07\x00\x00", "metric 5 of 0")
	f("\x01\x01\x00\x00\x01\x06nosuch\x00\x00", "metric \"nosuch\"")
	f("\x01\x04\x00\x01c", "ends within")
}

// FuzzRecord has everything that is accepted come back out of its record as it was.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("cpu_load,cluster=c,host=h value=1,x=57.43\nxrd_opens,host=h,type=socket,type-id=1 value=-0.25 1\n"), "m", "a:1", "b", int64(5))
	f.Add([]byte{}, "", "", "", int64(-1))
	f.Fuzz(func(t *testing.T, body []byte, message, one, other string, before int64) {
		w := newWorld(t)
		w.Lines(t.Context(), body, ingest.LineOptions{Message: ingest.Message{Source: message, Number: uint64(before)}, Cluster: "d", Fields: ingest.AllFields})
		ps := []collect.Packet{{Remote: one, Data: body}, {Remote: other, Data: []byte(message), Arrival: before}, {Remote: one, Arrival: -before}, {Remote: other, Data: []byte(one)}}
		w.Packets(t.Context(), ps)
		text := func(s string) string { return strings.ToValidUTF8(s, "?") } // claims come as JSON
		c := claim(text(one), text(other))
		c.User, c.Path = text(message), text(string(body))
		w.Claims(t.Context(), []*transfer.Claim{c})
		at := selector.Path{Cluster: one, Node: other, Component: selector.Part{Type: message, ID: string(body)}, Sub: selector.Part{Type: one}}
		if _, err := w.Free(t.Context(), []selector.Path{at, {}}, before); err != nil {
			t.Fatal(err)
		}
		again := newWorld(t)
		var packets []collect.Packet
		for _, k := range w.log.records {
			if err := again.Replay(k); err != nil {
				t.Errorf("%q: %v", k.Payload, err)
			}
			if err := ingest.RecordPackets(k.Payload, func(p collect.Packet) { packets = append(packets, p) }); err != nil {
				t.Error(err)
			}
		}
		shown := func(ps []collect.Packet) (out []string) {
			for _, p := range ps {
				out = append(out, fmt.Sprintf("%q %q %d", p.Remote, p.Data, p.Arrival))
			}
			return out
		}
		if got, want := shown(packets), shown(ps); !slices.Equal(got, want) {
			t.Errorf("got packets %s, want %s", got, want)
		}
		got, want := append(again.everything(), again.freed...), append(w.everything(), w.freed...)
		if !slices.Equal(got, want) {
			t.Errorf("got\n%q\nwant\n%q", got, want)
		}
	})
}

// A claim comes back as it was, whatever is in it.
func FuzzRecordClaims(f *testing.F) {
	f.Add([]byte(asJSON(f, claim("1", "x:1"))))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, bad := ingest.DecodeClaim(text)
		if bad != nil {
			return
		}
		w := newWorld(t)
		if r := w.Claims(t.Context(), []*transfer.Claim{c}); r.Accepted == 0 {
			return
		}
		got := asJSON(t, ingest.RecordClaims(w.log.records[0].Payload))
		if want := asJSON(t, []*transfer.Claim{c}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func asJSON(tb testing.TB, x any) string {
	tb.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
