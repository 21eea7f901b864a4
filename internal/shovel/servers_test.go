package shovel_test

import (
	"fmt"
	"testing"
	"time"

	"tallystick/internal/shovel"
)

// numbered is a datagram of that kind and number, of the life stod of a server.
func numbered(code, seq, stod byte) []byte {
	return []byte{code, seq, 0, 24, 0, 0, 0, stod, 0, 0, 0, 0, 0, 0, 0, 0, 'C', 0, 0, 0, 0, 0, 0, 0}
}

// Ensure that what is lost is counted by the sequences that a server has: one for its
// dictionary, traces and redirects together, one for files, one for each life and socket.
func TestGaps(t *testing.T) {
	f := func(name string, want int64, send func(saw func(remote string, b []byte))) {
		t.Helper()
		s := shovel.NewServers()
		n := int64(0)
		send(func(remote string, b []byte) { n++; s.Saw(time.Unix(n, 0), remote, b) })
		got := s.Known()
		if len(got) != 1 || got[0].Gaps != want || got[0].Packets != n || !got[0].Last.Equal(time.Unix(n, 0)) {
			t.Errorf("%s: got %+v, want %d gaps of %d packets", name, got, want, n)
		}
	}
	const a, b = "192.0.2.1:1000", "192.0.2.1:1001"
	f("nothing lost", 0, func(saw func(string, []byte)) {
		for i := range 600 { // numbers wrap
			saw(a, numbered("=uti"[i%4], byte(i), 1))
			saw(a, numbered('f', byte(i), 1))
			saw(a, numbered('g', byte(i+9), 1))
			saw(b, numbered('t', byte(i+50), 1))
		}
		saw(a, numbered('u', 0, 2)) // it was started again
	})
	f("three lost", 3, func(saw func(string, []byte)) {
		for _, seq := range []byte{254, 255, 2, 4} {
			saw(a, numbered('f', seq, 1))
		}
	})
	f("late ones", 0, func(saw func(string, []byte)) {
		for _, seq := range []byte{1, 4, 2, 3, 5} {
			saw(a, numbered('t', seq, 1))
		}
	})
	f("text has no number here", 0, func(saw func(string, []byte)) {
		saw(a, []byte(`{"code":"g","pseq":1}`))
		saw(a, []byte(`{"code":"g","pseq":9}`))
	})
}

// Ensure that addresses that are forged cost no memory without end, and take nobody's place who
// sends.
func TestServersAreBounded(t *testing.T) {
	s := shovel.NewServers()
	for i := range 5000 {
		s.Saw(time.Unix(int64(i), 0), fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), numbered('f', 1, 1))
		s.Saw(time.Unix(int64(i), 0), "192.0.2.1:1", numbered('f', byte(i), byte(i/100)))
	}
	known := s.Known()
	if len(known) != 1000 {
		t.Errorf("got %d servers, want 1000", len(known))
	}
	last := known[len(known)-1]
	if last.Address != "192.0.2.1" || last.Packets != 5000 {
		t.Errorf("got %+v", last)
	}
}
