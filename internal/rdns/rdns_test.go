package rdns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/rdns"
)

// A zone is a DNS that takes a second to answer.
type zone struct {
	names map[string][]string
	err   map[string]error
	asked atomic.Int64
}

func (z *zone) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	z.asked.Add(1)
	select {
	case <-time.After(time.Second):
		return z.names[addr], z.err[addr]
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// with runs test beside Names of the zone, in a bubble.
func with(t *testing.T, cfg rdns.Config, z *zone, test func(n *rdns.Names)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Enabled = true
		n, err := rdns.New(cfg, z)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx) }()
		test(n)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func want(t *testing.T, n *rdns.Names, address, name string, pending bool) {
	t.Helper()
	if got, p := n.Name(address); got != name || p != pending {
		t.Errorf("%s: got %q, pending %v, want %q, %v", address, got, p, name, pending)
	}
}

// A name is not waited for, is there a little later, is asked for once, and again when
// it is old.
func TestName(t *testing.T) {
	z := &zone{names: map[string][]string{"192.0.2.1": {"Node1.Example.org.", "other."}}}
	with(t, rdns.Default(), z, func(n *rdns.Names) {
		began := time.Now()
		for _, a := range []string{"192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"} {
			want(t, n, a, "", true)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("asking took %v", d)
		}
		time.Sleep(2 * time.Second)
		want(t, n, "192.0.2.1", "node1.example.org", false)
		time.Sleep(2 * time.Hour)
		z.names["192.0.2.1"] = []string{"new."}
		want(t, n, "192.0.2.1", "node1.example.org", true) // until there is a newer one
		time.Sleep(2 * time.Second)
		want(t, n, "192.0.2.1", "new", false)
		if got := z.asked.Load(); got != 2 {
			t.Errorf("got %d look-ups, want 2", got)
		}
		want(t, n, "no.address", "", false)
		want(t, n, "", "", false)
	})
}

// That there is no name is believed too; a failure is not.
func TestNoName(t *testing.T) {
	z := &zone{
		names: map[string][]string{"192.0.2.3": {"<script>", strings.Repeat("a", 300)}},
		err: map[string]error{
			"192.0.2.1": &net.DNSError{IsNotFound: true}, "192.0.2.2": errors.New("no answer"),
		},
	}
	with(t, rdns.Default(), z, func(n *rdns.Names) {
		for range 3 {
			for i := range 3 {
				n.Name(fmt.Sprint("192.0.2.", i+1))
			}
			time.Sleep(time.Minute)
		}
		want(t, n, "192.0.2.3", "", false) // what is no name is none
		if got := n.Stats(); got.None != 2 || got.Failed != 3 || got.Found != 0 {
			t.Errorf("got %+v, want 2 without a name and 3 failures", got)
		}
	})
}

// A slow DNS holds up nobody, and a flood of addresses takes no more memory than there
// may be.
func TestBounds(t *testing.T) {
	cfg := rdns.Default()
	cfg.Max = 100
	with(t, cfg, &zone{}, func(n *rdns.Names) {
		for i := range 10_000 {
			n.Name(fmt.Sprintf("10.1.%d.%d", i/250, i%250))
		}
		synctest.Wait()
		if got := n.Stats(); got.Known != 100 || got.Dropped < 5000 {
			t.Errorf("got %+v, want 100 known and most dropped", got)
		}
	})
}

// Off is off.
func TestDisabled(t *testing.T) {
	n, err := rdns.New(rdns.Default(), &zone{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, n, "192.0.2.1", "", false)
}

// The resolver of the system knows this machine.
func TestSystem(t *testing.T) {
	cfg := rdns.Default()
	cfg.Enabled = true
	n, err := rdns.New(cfg, net.DefaultResolver)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	n.Name("127.0.0.1")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s := n.Stats(); ctx.Err() == nil && s.Found+s.None+s.Failed == 0; s = n.Stats() {
		<-tick.C
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if name, _ := n.Name("127.0.0.1"); name == "" {
		t.Skip("this machine has no name for 127.0.0.1")
	}
}
