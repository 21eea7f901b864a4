package source_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallystick/internal/bus"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/bus/stomp/stomptest"
	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/source"
)

// What comes by STOMP is taken as what comes by other brokers, through one that is
// killed.
func TestSTOMP(t *testing.T) {
	b := stomptest.Start(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(stomptest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	s := bareStation(t, "stomp", 0, nil)
	log := slog.New(slog.DiscardHandler)
	conn, err := stomp.Connect(stomp.Config{
		URLs: []string{b.URL()}, User: stomptest.User, PasswordFile: password, Retry: 50 * time.Millisecond,
	}, s.reg, log)
	if err != nil {
		t.Fatal(err)
	}
	out := conn.Publisher()
	parts := map[string]part{"publisher": out.Run}
	for name, sub := range map[string]source.STOMPSubscription{
		"x": {Destination: "/queue/xrootd", Kind: source.Packets},
		"c": {Destination: "/queue/claims", Kind: source.Claims},
		"l": {Destination: "/queue/lines", Cluster: "alex"},
	} {
		in, err := source.NewSTOMP(conn, name, sub, s.ingest, s.reg, log)
		if err != nil {
			t.Fatal(err)
		}
		parts[name] = in.Run
	}
	s.run(parts, func() {})
	direct := bareStation(t, "direct", 0, nil)
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s01_full_reads")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	put := func(to string, id uint64, body []byte) {
		t.Helper()
		p := stomp.Publication{Destination: "/queue/" + to, ID: bus.ID{Source: "shovel", Number: id}, Body: body}
		eventually(t, "a receipt", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			return out.Publish(ctx, p) == nil
		})
	}
	claim := fmt.Sprintf(`{"run":"r","id":"1","server":"s:1","path":"/a","opened":%d,"outcome":"ok","asked":{"read":1}}`, now)
	put("claims", 0, []byte(claim))
	put("claims", 0, []byte("nonsense"))
	for i, p := range c.Packets {
		direct.ingest.Packets(t.Context(), []collect.Packet{{Remote: p.Remote, Data: p.Data}})
		put("xrootd", uint64(i), messages[i])
		line := fmt.Appendf(nil, "count,hostname=h value=1 %d", now)
		put("lines", uint64(i), line)
		put("lines", uint64(i), line) // as who had no receipt does
		if i == len(c.Packets)/2 {
			b.Kill()
			b.Up()
		}
	}
	n := len(c.Packets)
	eventually(t, "all messages", func() bool {
		return s.count("accepted_total", "x") >= n && s.count("accepted_total", "l") >= 2*n && s.count("accepted_total", "c") >= 1 &&
			s.count("answers_total", "c", "poison") >= 1
	})
	s.stop()
	if got := s.sum(); got != float64(n) {
		t.Errorf("got %v, want each of %d samples once", got, n)
	}
	if n := len(s.ledger.Claims(ledger.Filter{})); n != 1 {
		t.Errorf("got %d claims, want 1", n)
	}
	s.wantTransfersOf(direct)
}

func TestSTOMPSubscriptionCheck(t *testing.T) {
	f := func(s source.STOMPSubscription, want ...string) {
		t.Helper()
		var got []string
		for _, p := range s.Check("name") {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			t.Errorf("%+v:\ngot  %s\nwant %s", s, g, w)
		}
	}
	f(source.STOMPSubscription{Destination: "/topic/x", Durable: "d", Prefetch: 65535, Kind: source.Packets})
	f(source.STOMPSubscription{Prefetch: -1, Durable: "a b"}, `destination: "" is not a destination such as /queue/tallystick`,
		`durable: "a b" has a space`, "prefetch: -1 is not from 0 to 65535")
	f(source.STOMPSubscription{Destination: "/queue/x", Kind: source.Claims, Cluster: "c"}, "kind: cluster and precision are for lines, not for claims")
}

func TestSTOMPMixes(t *testing.T) {
	f := func(a, b source.STOMPSubscription, want bool) {
		t.Helper()
		if got := a.Mixes("a", "b", b); got != want {
			t.Errorf("%+v and %+v: got %v, want %v", a, b, got, want)
		}
	}
	f(source.STOMPSubscription{Destination: "/queue/x", Cluster: "a"}, source.STOMPSubscription{Destination: "/queue/x", Cluster: "b"}, true)
	f(source.STOMPSubscription{Destination: "/queue/x", Cluster: "a"}, source.STOMPSubscription{Destination: "/queue/x", Cluster: "a"}, false)
	f(source.STOMPSubscription{Destination: "/topic/x", Cluster: "a"}, source.STOMPSubscription{Destination: "/topic/x", Cluster: "b"}, false) // both get all
	f(source.STOMPSubscription{Destination: "/topic/x", Durable: "d", Cluster: "a"}, source.STOMPSubscription{Destination: "/topic/y", Durable: "d"}, true)
}
