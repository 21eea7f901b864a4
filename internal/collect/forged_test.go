package collect_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// The records of one dictionary id that say different things: the first counts,
// and nothing of the others is left behind.
func TestContradictions(t *testing.T) {
	r := begun(t)
	r.feed(
		mapped('u', 2, stod, theUser, userText("mallory")+"\n"),
		mapped('d', 3, stod, theFile, userText("alice")+"\n/f"),
		mapped('d', 4, stod, theFile, userText("mallory")+"\n/g"),
		records(0, stod, stod+5, closedRec(theFile, 5), closedRec(theFile, 6)),
	)
	r.pass(time.Minute)
	r.feed(records(1, stod+5, stod+10, disc()))
	r.pass(3 * time.Hour)
	if got := r.one(); got.User != "alice" || got.Path != "/f" || got.Bytes.Read != 5 {
		t.Errorf("got %+v, want alice's /f with 5 bytes", got)
	}
	if s := r.Stats(); s.Held != 16 { // the life
		t.Errorf("got %+v, want nothing held but the life", s)
	}
}

// without returns an f datagram as servers before XRootD 4 sent it: without sid.
func without(sid []byte) []byte {
	const at = 8 + 16
	b := append(append([]byte(nil), sid[:at]...), sid[at+8:]...)
	b[9], b[11] = 0, 16
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// A server that tells its sid in dictionary records only is known by its socket.
func TestServerWithoutSID(t *testing.T) {
	id, login := ident(stod), mapped('u', 1, stod, theUser, userText("alice")+"\n")
	o, c := without(records(0, stod, stod+5, opened("/f"))), without(records(1, stod+5, stod+10, closedRec(theFile, 7)))
	f := func(how string, datagrams ...[]byte) {
		t.Helper()
		r := newRun(t, collect.Default())
		r.feed(datagrams...)
		r.Collector = restored(t, r.Collector, r.recorder, r.now)
		r.pass(time.Minute)
		got := r.one()
		if got.ID != "56308042893772.1800000000.2" || got.Server != "xcache:1094" || got.User != "alice" || got.Bytes.Read != 7 {
			t.Errorf("%s: got %+v, want alice's 7 bytes from xcache:1094", how, got)
		}
		r.pass(100 * time.Hour)
		if s := r.Stats(); s.Lives != 0 || s.Held != 0 {
			t.Errorf("%s: %+v is held in the end", how, s)
		}
	}
	f("in order", id, login, o, c)
	f("files first", o, c, id, login)
	f("in between", o, id, login, c)
	r := newRun(t, collect.Default())
	r.feed(o, c)
	r.pass(time.Minute)
	if got := r.one(); got.ID != "192.0.2.1:4711.1800000000.2" || got.Bytes.Read != 7 {
		t.Errorf("without a name: got %+v", got)
	}
}

// Long texts count for what they take.
func TestLongTextsCount(t *testing.T) {
	cfg := collect.Default()
	cfg.Max = 1000
	r := newRun(t, cfg)
	var refused int
	for i := range 100 {
		d := mapped('d', i, stod, uint32(i+1), userText("mallory")+"\n/"+strings.Repeat("x", 25600))
		if err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); errors.Is(err, collect.ErrFull) {
			refused++
		}
	}
	if s := r.Stats(); refused < 80 || s.Held > 1000 {
		t.Errorf("%d of 100 are refused with %+v; they have 2.5 MB", refused, s)
	}
}

// flood feeds n datagrams and returns how long they took.
func flood(tb testing.TB, n int, datagram func(i int) []byte) time.Duration {
	tb.Helper()
	c := collect.New(collect.Default(), newRecorder())
	all := make([][]byte, n)
	for i := range all {
		all[i] = datagram(i)
	}
	start, now := cpu(tb), time.Unix(stod, 0)
	for i, d := range all {
		if err := c.Packet(now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); err != nil {
			tb.Fatal(err)
		}
		if i%(n/10) == 0 {
			now = now.Add(5 * time.Second)
			c.Advance(now)
		}
	}
	c.Advance(now.Add(time.Hour))
	return cpu(tb) - start
}

// cpu is the processor time that this process has used: other than the clock on
// the wall, it does not run while others have the machine.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The work per datagram does not grow with what is held.
func TestFloodsCostNoMoreThanTheirLength(t *testing.T) {
	flooded := func(how string, n int, datagram func(i int) []byte) {
		t.Helper()
		var few, many time.Duration
		for range 5 { // the collector of garbage has its moods
			few, many = flood(t, n, datagram), flood(t, 8*n, datagram)
			if many < 24*few { // 8 times would be linear, 64 times square
				return
			}
		}
		t.Errorf("%s: %d datagrams took %v, %d took %v", how, n, few, 8*n, many)
	}
	f := func(how string, datagram func(i int) []byte) {
		t.Helper()
		flooded(how, 4000, datagram)
	}
	f("lives of one server", func(i int) []byte { return ident(stod - int64(i)) })
	f("servers", func(i int) []byte {
		return mapped('=', 0, stod, 0, fmt.Sprintf("/root.9:%d@x\n&port=1094", i+1))
	})
	f("sessions of one name", func(i int) []byte {
		return mapped('u', i, stod, uint32(i+1), userText("mallory")+"\n")
	})
	f("files of one name", func(i int) []byte {
		if i%2 == 0 {
			return mapped('d', i, stod, uint32(i+1), userText("mallory")+"\n/f")
		}
		return records(i, stod, stod+5, closedRec(uint32(i), 1))
	})
	f("infos of one name", func(i int) []byte {
		return mapped('i', i, stod, uint32(i+1), userText("mallory")+"\nsome info")
	})
	f("disconnects", func(i int) []byte { return records(i, stod, stod+int64(i), disc()) })
	// So many that both times more come at once than one file may have waiting: up to
	// that bound each one costs more than the one before.
	flooded("progress of one file", 16_000, func(i int) []byte {
		return records(i, stod, stod-int64(i), xfr(theFile, uint64(i)))
	})
	f("files of one session", func(i int) []byte {
		o := opened("/f")
		binary.BigEndian.PutUint32(o[4:], uint32(i+2))
		return records(i, stod, stod+5, o)
	})
}

// Paths and names that are not UTF-8 go through a restart as they are.
func TestBytesThroughState(t *testing.T) {
	const path, name = "/caf\xe9/base64:", "jos\xe9"
	r := newRun(t, collect.Default())
	r.feed(mapped('u', 1, stod, theUser, userText(name)+"\n&y=\xff"), mapped('i', 2, stod, theUser+1, userText(name)+"\nbase64:\xfe"))
	r.feed(mapped('d', 2, stod, 7, userText(name)+"\n"+path))
	r.Collector = restored(t, r.Collector, r.recorder, r.now)
	r.feed(records(0, stod, stod+5, record(1, 7, 5), closedRec(7, 1)))
	r.pass(time.Minute)
	got := r.one()
	if got.Path != path || got.User != name || got.MonInfo != "\xff" || got.AppInfo != "base64:\xfe" || got.End != transfer.Closed {
		t.Errorf("got %+v, want %q of %q", got, path, name)
	}
}

// A server that cannot look up its own name tells an address.
func TestServerNamedByAddress(t *testing.T) {
	f := func(host, want string) {
		t.Helper()
		r := newRun(t, collect.Default())
		r.feed(mapped('=', 0, stod, 0, fmt.Sprintf("/root.9:%d@%s\n&site=&port=1094", madeSID, host)))
		if _, ok := r.servers[want]; !ok {
			t.Errorf("%s: got %v, want %s", host, r.servers, want)
		}
	}
	f("[::ffff:192.0.2.7]", "192.0.2.7:1094")
	f("[2001:db8::7]", "[2001:db8::7]:1094")
	f("x.example", "x.example:1094")
}
