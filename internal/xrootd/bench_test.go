package xrootd_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"tallystick/internal/capture"
	"tallystick/internal/xrootd"
)

// userText writes a user id as a server does.
func userText(u xrootd.UserID) []byte {
	return []byte(u.Protocol + "/" + u.User + "." + strconv.Itoa(u.PID) + ":" + strconv.FormatUint(u.SID, 10) + "@" + u.Host)
}

// largest returns the longest datagram of the demo capture with that code.
func largest(tb testing.TB, code byte) []byte {
	tb.Helper()
	c, err := capture.Load(os.DirFS(captures), capture.DemoName)
	if err != nil {
		tb.Fatal(err)
	}
	var b []byte
	for _, p := range c.Packets {
		if p.Data[0] == code && len(p.Data) > len(b) {
			b = p.Data
		}
	}
	if b == nil {
		tb.Fatalf("no datagram of code %q", code)
	}
	return b
}

// TestDecodeAllocates holds the allocations of a decoder in use: none.
func TestDecodeAllocates(t *testing.T) {
	f := func(b []byte, most float64) {
		t.Helper()
		var d xrootd.Datagram
		got := testing.AllocsPerRun(100, func() {
			if err := d.Decode(b); err != nil {
				t.Error(err)
			}
		})
		if got > most {
			t.Errorf("%q: %v allocations, want at most %v", b[0], got, most)
		}
	}
	f(largest(t, 'f'), 0)
	f(largest(t, 't'), 0)
	f(gram('r', 0, redirectHead, be(uint32(60), uint32(stod)), slot(0x85, 1094, 7, "h:/f")), 0)
	f(gram('g', 0, make([]byte, 16), []byte("{}\n{}\x00")), 0)
	f(largest(t, 'd'), 0)
	f(largest(t, 'u'), 0)
	f(largest(t, '='), 0)
}

// TestDecodeGrowth holds what hostile datagrams of full length can make a
// Datagram allocate.
func TestDecodeGrowth(t *testing.T) {
	f := func(name string, b []byte, most uint64) {
		t.Helper()
		var before, after runtime.MemStats
		var d xrootd.Datagram
		runtime.ReadMemStats(&before)
		err := d.Decode(b)
		runtime.ReadMemStats(&after)
		if d.Kind == xrootd.KindNone {
			t.Error(err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > most {
			t.Errorf("%s: %d bytes for a datagram of %d, want at most %d", name, got, len(b), most)
		}
	}
	discs := [][]byte{window(0, 0)}
	for range 8000 {
		discs = append(discs, record(xrootd.FileDisc, 0, 1))
	}
	f("f", gram('f', 0, discs...), 8<<20)
	lines := make([]byte, 65000)
	for i := range lines {
		lines[i] = "{\n"[i%2]
	}
	f("g", gram('g', 0, make([]byte, 16), lines), 4<<20)
	many := []byte("<statistics>")
	for i := 0; len(many) < 65000; i++ {
		many = fmt.Appendf(many, "<a%d>1</a>", i)
	}
	f("summary", many, 4<<20)
}

func BenchmarkDecode(b *testing.B) {
	for _, code := range []byte("fdu=t<") {
		data := largest(b, code)
		b.Run(fmt.Sprintf("%c/%dB", code, len(data)), func(b *testing.B) {
			var d xrootd.Datagram
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseLogin parses what every session begins with.
func BenchmarkParseLogin(b *testing.B) {
	var d xrootd.Datagram
	if err := d.Decode(largest(b, 'u')); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if l := xrootd.ParseLogin(d.Map.Rest); l.Protocol == "" {
			b.Fatal("no protocol")
		}
	}
}

func BenchmarkShift(b *testing.B) {
	data := largest(b, 'f')
	by := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		if err := xrootd.Shift(data, by); err != nil {
			b.Fatal(err)
		}
		by = -by
	}
}
