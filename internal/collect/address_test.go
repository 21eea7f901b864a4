package collect_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"tallystick/internal/collect"
)

// identOf makes the ident of a server.
func identOf(sid uint64, port int) []byte {
	return mapped('=', 0, stod, 0, fmt.Sprintf("/root.9:%d@xcache\n&site=T2&port=%d&inst=i&pgm=xrootd&ver=v5.5.3", sid, port))
}

// fromServer has an f datagram be of another server.
func fromServer(sid uint64, d []byte) []byte {
	binary.BigEndian.PutUint64(d[24:], sid)
	return d
}

// feedFrom feeds datagrams that come from an address.
func (r *run) feedFrom(remote string, datagrams ...[]byte) {
	r.t.Helper()
	for _, d := range datagrams {
		r.now = r.now.Add(time.Second)
		if err := r.Packet(r.now, collect.Packet{Remote: remote, Data: d}); err != nil {
			r.t.Errorf("packet from %s: %v", remote, err)
		}
	}
}

// Servers that were started in the same second and send from one socket, as far as can
// be seen, are two servers.
func TestServersBehindOneAddress(t *testing.T) {
	const one, other = 101, 102
	r := newRun(t, collect.Default())
	at := "192.0.2.1:4711"
	r.feedFrom(at, identOf(one, 1094), identOf(other, 1095))
	for i, sid := range []uint64{one, other} {
		text := fmt.Sprintf("xroot/u%d.17:%d@[2001:db8::%d]", i, sid, i)
		r.feedFrom(at, mapped('u', 1, stod, theUser, text+"\n"))
		r.feedFrom(at, fromServer(sid, records(0, stod, stod+5, opened(fmt.Sprint("/f", i)))))
	}
	for i, sid := range []uint64{one, other} {
		r.feedFrom(at, fromServer(sid, records(1, stod+5, stod+10, closedRec(theFile, uint64(10+i)))))
	}
	r.pass(time.Minute)
	if len(r.transfers) != 2 || len(r.lives) != 2 {
		t.Fatalf("got %d transfers of %d lives, want 2 of 2", len(r.transfers), len(r.lives))
	}
	for i, sid := range []uint64{one, other} {
		tr := r.transfers[fmt.Sprintf("%d.%d.%d", sid, int64(stod), theFile)]
		if tr == nil || tr.Server != fmt.Sprint("xcache:", 1094+i) || tr.Path != fmt.Sprint("/f", i) || tr.Bytes.Read != int64(10+i) ||
			tr.Client != fmt.Sprint("2001:db8::", i) || !tr.IPv6 {
			t.Errorf("server %d: got %+v", i, tr)
		}
	}
	if lost := lostOf(r.recorder); len(lost) > 0 {
		t.Errorf("got %v lost, want nothing", lost)
	}
}

// A server whose datagrams come from several addresses, of both kinds, is one, and its
// numbers are one sequence.
func TestServerUnderSeveralAddresses(t *testing.T) {
	addresses := []string{"192.0.2.1:4711", "[2001:db8::1]:4711", "[::ffff:198.51.100.7]:4711"}
	f := func(cfg collect.Config, name string) {
		t.Helper()
		r := newRun(t, cfg)
		r.feedFrom(addresses[0], ident(stod))
		for i := 1; i < 60; i++ {
			r.feedFrom(addresses[i%3], mapped('u', i, stod, uint32(i), userText(fmt.Sprint("u", i))+"\n"))
		}
		r.feedFrom(addresses[1], records(0, stod, stod+5, opened("/f")))
		r.feedFrom(addresses[2], records(1, stod+5, stod+10, closedRec(theFile, 7)))
		r.pass(time.Minute)
		if got := r.one(); got.Server != name || got.User != "u1" || got.Bytes.Read != 7 {
			t.Errorf("got %+v, want 7 bytes of u1 from %s", got, name)
		}
		if lost := lostOf(r.recorder); len(lost) > 0 || len(r.lives) != 1 {
			t.Errorf("got %v lost, %d lives", lost, len(r.lives))
		}
		s := r.servers[name]
		for _, n := range []string{"192.0.2.1:1094", "[2001:db8::1]:1094", "198.51.100.7:1094"} {
			if !slices.Contains(s.Names, n) {
				t.Errorf("%s is not one of its names, which are %v", n, s.Names)
			}
		}
	}
	f(collect.Default(), "xcache:1094")
	cfg := collect.Default()
	cfg.Servers = map[string]collect.Name{"2001:db8::1": {Name: "six.example:1094"}}
	f(cfg, "six.example:1094")
}

// What is given up because of silence is counted, and what speaks is not given up.
func TestIdleIsCounted(t *testing.T) {
	r := begun(t)
	r.feed(records(0, stod, stod+5, opened("/f")))
	for day := range int64(4) { // the server and the file speak every day
		r.pass(24 * time.Hour)
		at := stod + 86400*(day+1)
		r.feed(records(int(day)+1, at, at+5, xfr(theFile, uint64(day+1))))
	}
	if s := r.Stats(); s.IdleFiles != 0 || s.IdleUsers != 0 || s.IdleLives != 0 || s.Files != 1 {
		t.Errorf("while it speaks: got %+v", s)
	}
	r.pass(60 * time.Hour)
	r.pass(60 * time.Hour)
	if s := r.Stats(); s.IdleFiles != 1 || s.IdleUsers != 1 || s.IdleLives != 1 {
		t.Errorf("got %d files, %d sessions, %d lives given up, want one of each", s.IdleFiles, s.IdleUsers, s.IdleLives)
	}
}
