package throttle_test

import (
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/auth/throttle"
)

func start() time.Time { return time.Unix(1_800_000_000, 0) }

func newThrottle(t *testing.T, change func(*throttle.Config)) *throttle.Throttle {
	t.Helper()
	cfg := throttle.Default()
	cfg.Rate = 1e6
	change(&cfg)
	th, err := throttle.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

// Ensure a name waits twice as long after each failure, from wherever it comes, up to the limit.
func TestName(t *testing.T) {
	th := newThrottle(t, func(c *throttle.Config) { c.Names, c.Longest = 3, 4*time.Second })
	now := start()
	addr := netip.MustParseAddr("192.0.2.1")
	next := func() netip.Addr { // of another network each time
		b := addr.As4()
		b[1]++
		addr = netip.AddrFrom4(b)
		return addr
	}
	for range 3 {
		if wait := th.Begin(now, "alice", next()); wait != 0 {
			t.Fatalf("one for nothing waits %v", wait)
		}
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second} {
		if got := th.Begin(now, "alice", next()); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := th.Begin(now, "bob", next()); got != 0 && want == time.Second {
			t.Errorf("bob waits %v for alice", got)
		}
		now = now.Add(want)
		if got := th.Begin(now, "alice", next()); got != 0 {
			t.Errorf("after the wait: got %v", got)
		}
	}
	if got := th.Begin(now.Add(4*time.Second+1), "alice", next()); got != 0 {
		t.Errorf("after a pause: got %v", got)
	}
	if got := th.Begin(now.Add(4*time.Second+1), "alice", next()); got != 0 {
		t.Errorf("after a pause all is for nothing again: got %v", got)
	}
}

// Ensure a network waits whatever names come from it, and no other network with it.
func TestNetwork(t *testing.T) {
	f := func(same, other string) {
		t.Helper()
		th := newThrottle(t, func(c *throttle.Config) { c.Networks = 2 })
		for i, from := range []string{same, other} {
			if got := th.Begin(start(), strconv.Itoa(i), netip.MustParseAddr(from)); got != 0 {
				t.Errorf("%s: got %v", from, got)
			}
		}
		first := netip.MustParseAddr(same)
		th.Begin(start(), "x", first)
		if got := th.Begin(start(), "y", first.Next()); got != time.Second {
			t.Errorf("%s: got %v, want 1s", same, got)
		}
		if got := th.Begin(start(), "y", netip.MustParseAddr(other)); got != 0 {
			t.Errorf("%s waits %v for %s", other, got, same)
		}
	}
	f("192.0.2.1", "192.0.3.1")
	f("::ffff:192.0.2.1", "192.0.3.1")
	f("2001:db8::1", "2001:db8:0:1::1")
}

// Ensure who succeeds is not slowed down by it, nor by failures before.
func TestSucceeded(t *testing.T) {
	th := newThrottle(t, func(c *throttle.Config) { c.Names, c.Networks = 2, 3 })
	from := netip.MustParseAddr("192.0.2.1")
	th.Begin(start(), "alice", from) // mistyped
	for range 10 {
		if got := th.Begin(start(), "alice", from); got != 0 {
			t.Fatalf("waits %v", got)
		}
		th.Succeeded("alice", from)
	}
}

// Ensure all together have a rate, whoever they say they are and wherever from.
func TestRate(t *testing.T) {
	th := newThrottle(t, func(c *throttle.Config) { c.Rate = 1 })
	addr := netip.MustParseAddr("2001:db8::")
	try := func(now time.Time, i int) time.Duration {
		b := addr.As16()
		b[4], b[5] = byte(i), byte(i>>8)
		return th.Begin(now, strconv.Itoa(i), netip.AddrFrom16(b))
	}
	for i := range 10 {
		if got := try(start(), i); got != 0 {
			t.Errorf("attempt %d of the burst waits %v", i, got)
		}
	}
	if got := try(start(), 11); got == 0 {
		t.Error("the attempt after the burst does not wait")
	}
	if got := try(start().Add(time.Second), 12); got != 0 {
		t.Errorf("a second later: waits %v", got)
	}
}

// Ensure a load of hostile logins leaves memory flat.
func TestMemory(t *testing.T) {
	th := newThrottle(t, func(*throttle.Config) {})
	long := string(make([]byte, 100))
	load := func(from, n int) uint64 {
		for i := from; i < from+n; i++ {
			a := netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1})
			th.Begin(start(), strconv.Itoa(i)+long, a)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	full := load(0, 100_000)
	after := load(100_000, 300_000)
	if after > full+(1<<20) {
		t.Errorf("300,000 more made %d bytes of %d", after, full)
	}
	runtime.KeepAlive(th)
}

func TestNetworkOfNothing(t *testing.T) {
	if got := throttle.Network(netip.Addr{}); got.IsValid() {
		t.Errorf("got %v", got)
	}
}
