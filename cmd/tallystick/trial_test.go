//go:build e2e

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// A shoveler takes datagrams and publishes them, in their order, as the field's
// shoveler does but for what it loses: it waits for the broker.
type shoveler struct {
	conn  net.PacketConn
	mu    sync.Mutex
	queue [][]byte // under mu
	sent  int      // under mu
}

// newShoveler starts a shoveler, and returns the address that it listens at.
func newShoveler(t *testing.T, r relay, to string) (*shoveler, string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.UDPConn).SetReadBuffer(16 << 20); err != nil {
		t.Fatal(err)
	}
	s := &shoveler{conn: conn}
	run(t, func(ctx context.Context) error {
		var all sync.WaitGroup
		all.Go(s.take)
		s.publish(ctx, r, to)
		conn.Close()
		all.Wait()
		return nil
	})
	return s, conn.LocalAddr().String()
}

func (s *shoveler) take() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		text, err := json.Marshal(map[string]any{"remote": from.String(), "version": "", "data": buf[:n]})
		if err != nil {
			return
		}
		s.mu.Lock()
		s.queue = append(s.queue, text)
		s.mu.Unlock()
	}
}

func (s *shoveler) publish(ctx context.Context, r relay, to string) {
	for ctx.Err() == nil {
		s.mu.Lock()
		var next []byte
		if s.sent < len(s.queue) {
			next = s.queue[s.sent]
		}
		s.mu.Unlock()
		if next == nil || r.publish(ctx, to, uint64(s.sent), next) != nil {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		s.mu.Lock()
		s.sent++
		s.mu.Unlock()
	}
}

// empty reports whether all that came is published.
func (s *shoveler) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent == len(s.queue) && s.sent > 0
}

// TestTrial runs real servers in three configurations, of which one is stopped and
// started again, and real clients, of which some are killed; their datagrams come through
// RabbitMQ, which is killed in the middle. Whatever differs has its cause.
func TestTrial(t *testing.T) {
	needXRootD(t)
	r := rabbit(t)
	h := newHome(t)
	text, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.config, append(text, "validate: {late: 5s}\n"+r.config...), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, h)
	s, mon := newShoveler(t, r, "x")
	var all sync.WaitGroup
	all.Go(func() {
		pause(t.Context(), 8*time.Second)
		r.Kill()
		pause(t.Context(), 2*time.Second)
		r.Up()
	})
	truth := fixture(t, "trial", "--mon", mon)
	all.Wait()
	claims := capture.Claims("trial", truth)
	if res := p.postClaims(claims); res.Accepted != len(claims) {
		t.Fatalf("posted %d claims, got %+v", len(claims), res)
	}
	p.poll(time.Minute, "all published", s.empty)
	var report validate.Report
	decode(t, p.settled("/api/v1/validation?run=trial"), &report)
	checkTrial(t, &report, truth, claims)
	p.terminate()
}

// checkTrial checks that each claim has a verdict with the cause that there was for it.
func checkTrial(t *testing.T, r *validate.Report, truth *capture.Truth, claims []*transfer.Claim) {
	t.Helper()
	ports := make(map[string]string) // host:port → name
	for _, s := range truth.Servers {
		ports[fmt.Sprintf("127.0.0.1:%d", s.Port)] = s.Name
	}
	n := make(map[string]int)
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.Claim == nil {
			n["extra "+string(v.Cause)]++
			if v.Cause == transfer.CauseUnexplained {
				t.Errorf("extra and unexplained: %+v", v.Transfers[0])
			}
			continue
		}
		c := v.Claim
		n[ports[c.Server]+" "+string(v.Kind)+" "+string(v.Cause)]++
		if want := wantCauses(ports[c.Server], c); !slices.Contains(want, v.Cause) {
			t.Errorf("%s of %s at %s: %s, %s (%s) %v, want one of %v: asked %+v, got %+v, monitored %+v",
				c.Key(), c.Agent, ports[c.Server], v.Kind, v.Cause, v.Detail, v.Evidence, want, c.Asked, c.Received, v.Monitored)
		}
	}
	t.Logf("%v", n)
	if got := r.Totals.Claims; got != len(claims) {
		t.Errorf("the report has %d claims, want %d", got, len(claims))
	}
	for _, want := range []string{"full failed killed-client", "noxfr missing no-close-by-config", "small missing server-stopped", "small match exact", "full match exact"} {
		if n[want] == 0 {
			t.Errorf("nothing is %s", want)
		}
	}
}

// wantCauses returns the causes that the verdict on c may have.
func wantCauses(server string, c *transfer.Claim) []transfer.Cause {
	switch {
	case c.Outcome == transfer.Failed:
		return []transfer.Cause{transfer.ClientFailed}
	case c.Outcome == transfer.Killed && c.Agent == "waiter":
		return []transfer.Cause{transfer.ServerStopped, transfer.KilledClient}
	case c.Outcome == transfer.Killed:
		return []transfer.Cause{transfer.KilledClient, transfer.CauseExact} // as much as it knew itself
	case server == "noxfr" && c.Asked != transfer.Bytes{}:
		return []transfer.Cause{transfer.NoCloseByConfig, transfer.CauseExact} // nothing may be right
	case strings.HasPrefix(c.Agent, "last"):
		return []transfer.Cause{transfer.ServerStopped, transfer.CauseExact} // as much as was told
	case c.Received != nil && *c.Received != c.Asked:
		return []transfer.Cause{transfer.PastEnd, transfer.ClientFailed}
	}
	return []transfer.Cause{transfer.CauseExact, transfer.Checksums}
}
