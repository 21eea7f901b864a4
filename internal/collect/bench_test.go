package collect_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// nobody is an Output that takes nothing.
type nobody struct{}

func (nobody) Transfer(*transfer.Transfer) {}
func (nobody) Sample(collect.Sample)       {}
func (nobody) Server(collect.Server)       {}
func (nobody) Loss(transfer.Loss)          {}
func (nobody) Life(transfer.Life)          {}
func (nobody) Event(transfer.Event)        {}
func (nobody) Balance(transfer.Balance)    {}

// many servers hold more files open than caches of processors have room for.
const many = 500

// A traffic is what servers send, packet by packet in turn, all of a capture once: each what
// the server of s03 sent, over and over, being somewhere else in it. These are opens and closes
// of small files with a trace of their requests, 80 accesses in 118 datagrams of 405 bytes.
// (Of s09, which was like it, 240 accesses in 423 datagrams of one server are known.)
type traffic struct {
	packets [][]byte
	ids     uint32 // dictionary ids that one server gives
	maps    byte   // numbers of its m stream
	files   byte   // and of its f stream
}

func newTraffic(tb testing.TB, servers int) *traffic {
	tb.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s03_concurrent_users")
	if err != nil {
		tb.Fatal(err)
	}
	t := &traffic{}
	var one [][]byte
	for _, p := range c.Packets {
		switch p.Data[0] {
		case '<': // the summary is not looked at
			continue
		case 'f':
			t.files++
		default:
			t.maps++
		}
		if p.Data[0] == 'u' || p.Data[0] == 'd' {
			t.ids = max(t.ids, binary.BigEndian.Uint32(p.Data[8:]))
		}
		one = append(one, p.Data)
	}
	for k := range one {
		for i := range servers {
			at := k + i*len(one)/servers
			d := another(one[at%len(one)], 56308042893772, 10000000000000+uint64(i))
			if at >= len(one) {
				t.again(d)
			}
			t.packets = append(t.packets, d)
		}
	}
	return t
}

// another returns d as a server with another fingerprint of the same length sends it.
func another(d []byte, sid, other uint64) []byte {
	d = bytes.ReplaceAll(d, strconv.AppendUint(nil, sid, 10), strconv.AppendUint(nil, other, 10))
	six := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n)[2:] }
	return bytes.ReplaceAll(d, six(sid), six(other))
}

// again makes d what the same server sends after all that there is of it, in the same
// life: ids, numbers and times go on.
func (t *traffic) again(d []byte) {
	switch d[0] {
	case 'f':
		d[1] += t.files
		t.fileAgain(d)
		return
	case 't':
		t.traceAgain(d)
	case '=':
	default:
		add(d[8:], t.ids)
	}
	d[1] += t.maps
}

func (t *traffic) fileAgain(d []byte) {
	for at := 8; at < len(d); at += int(binary.BigEndian.Uint16(d[at+2:])) {
		switch xrootd.FileType(d[at]) {
		case xrootd.FileTime:
			add(d[at+8:], roundSeconds)
			add(d[at+12:], roundSeconds)
			continue
		case xrootd.FileOpen:
			add(d[at+16:], t.ids)
		}
		add(d[at+4:], t.ids)
	}
}

func (t *traffic) traceAgain(d []byte) {
	for e := d[8:]; len(e) > 0; e = e[16:] {
		if xrootd.TraceType(e[0]) == xrootd.TraceWindow {
			add(e[8:], roundSeconds)
			add(e[12:], roundSeconds)
			continue
		}
		add(e[12:], t.ids)
	}
}

// add adds n to the number that b begins with, unless it is 0: unknown.
func add(b []byte, n uint32) {
	if was := binary.BigEndian.Uint32(b); was != 0 {
		binary.BigEndian.PutUint32(b, was+n)
	}
}

// A round takes a minute: that many packets come with one time.
const roundSeconds, perSecond = 60, 1000

// round has c collect the first n packets of t, which begin to arrive at now.
func (t *traffic) round(tb testing.TB, c *collect.Collector, now time.Time, n int) {
	tb.Helper()
	for i, d := range t.packets[:n] {
		if i%perSecond == 0 {
			now = now.Add(time.Second)
			c.Advance(now)
		}
		if err := c.Packet(now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); err != nil {
			tb.Fatal(err)
		}
	}
}

// next makes t what is sent after it.
func (t *traffic) next() {
	for _, d := range t.packets {
		t.again(d)
	}
}

// The processor time is that of the process, with collecting garbage: unlike the time
// that passes it means something beside others who work.
func BenchmarkServers(b *testing.B) {
	for _, servers := range []int{1, 10, many} {
		b.Run(strconv.Itoa(servers), func(b *testing.B) { benchmarkServers(b, servers) })
	}
}

func benchmarkServers(b *testing.B, servers int) {
	b.Helper()
	t := newTraffic(b, servers)
	c := collect.New(collect.Default(), nobody{})
	now := time.Unix(stod+3600, 0)
	t.round(b, c, now, len(t.packets)) // what there is once for each server
	runtime.GC()
	var used time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= len(t.packets) {
		b.StopTimer()
		t.next()
		now = now.Add(roundSeconds * time.Second)
		began := cpu(b)
		b.StartTimer()
		t.round(b, c, now, min(left, len(t.packets)))
		used += cpu(b) - began
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
	b.ReportMetric(used.Seconds()/float64(b.N)*1e6, "cpu-s/million")
}

// What is played again is not lost, late or known, and costs few allocations: what is
// told of a file (five), its path, and sessions.
func TestTrafficGoesOn(t *testing.T) {
	const rounds, most = 3, 6.5
	all := newTraffic(t, many)
	c := collect.New(collect.Default(), nobody{})
	now := time.Unix(stod+3600, 0)
	var before, after runtime.MemStats
	for range rounds {
		runtime.ReadMemStats(&before)
		all.round(t, c, now, len(all.packets))
		runtime.ReadMemStats(&after)
		all.next()
		now = now.Add(roundSeconds * time.Second)
	}
	c.Advance(now.Add(time.Hour))
	s := c.Stats()
	if s.Duplicates != 0 || s.Late != 0 || len(s.Lost) != 0 || s.Lives != many {
		t.Errorf("after %d rounds of %d packets: %+v", rounds, len(all.packets), s)
	}
	if got := float64(after.Mallocs-before.Mallocs) / float64(len(all.packets)); got > most {
		t.Errorf("%.2f allocations a packet, want at most %v", got, most)
	}
}
