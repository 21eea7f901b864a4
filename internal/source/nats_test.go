package source_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/nats/natstest"
	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/source"
	"tallystick/internal/transfer"
	"tallystick/internal/wal"
)

func TestMain(m *testing.M) {
	if !natstest.Serve() {
		m.Run()
	}
}

func newStation(t *testing.T, url string, maxBytes int64, subs map[string]source.Subscription) *station {
	t.Helper()
	return newStationOf(t, url, maxBytes, subs, nil)
}

// newStationOf returns a station with subscriptions to NATS.
func newStationOf(t *testing.T, url string, maxBytes int64, subs map[string]source.Subscription, keeps ingest.Log) *station {
	t.Helper()
	s := bareStation(t, "nats", maxBytes, keeps)
	log := slog.New(slog.DiscardHandler)
	conn, err := nats.Connect(nats.Config{URLs: []string{url}, Retry: 50 * time.Millisecond}, s.reg, log)
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]part)
	for name, sub := range subs {
		n, err := source.NewNATS(conn, name, sub, s.ingest, s.reg, log)
		if err != nil {
			t.Fatal(err)
		}
		parts[name] = n.Run
	}
	s.run(parts, conn.Close)
	return s
}

func send1(t *testing.T, js jetstream.JetStream, subject, text string) {
	t.Helper()
	if _, err := js.Publish(t.Context(), subject, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// subscribed waits until the broker has so many subscriptions to a subject.
func subscribed(t *testing.T, nc *natsgo.Conn, subject string) {
	t.Helper()
	eventually(t, "a subscription to "+subject, func() bool {
		inbox := natsgo.NewInbox()
		sub, err := nc.SubscribeSync(inbox)
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Unsubscribe()
		_ = nc.PublishRequest(subject, inbox, nil)
		m, err := sub.NextMsg(100 * time.Millisecond)
		return errors.Is(err, natsgo.ErrTimeout) && m == nil // else: nobody is there to answer
	})
}

// Lines without a cluster get that of their own subscription, whatever comes by
// others at the same time. cc-metric-store mixes them.
func TestNATSClustersAreNotMixed(t *testing.T) {
	b := natstest.Start(t)
	s := newStation(t, b.URL(), 0, map[string]source.Subscription{
		"a": {Subject: "lines.a", Cluster: "alex", Queue: "q"},
		"b": {Subject: "lines.b", Cluster: "fritz", Queue: "q", Precision: "ms"},
	})
	nc := b.Client()
	subscribed(t, nc, "lines.a")
	subscribed(t, nc, "lines.b")
	before := s.count("messages_total")
	now := time.Now().Unix()
	for i := range 1000 {
		_ = nc.Publish("lines.a", fmt.Appendf(nil, "load,hostname=a%d value=1 %d", i, now))
		_ = nc.Publish("lines.b", fmt.Appendf(nil, "load,hostname=b%d value=1 %d000", i, now))
	}
	eventually(t, "the messages", func() bool { return s.count("messages_total") == before+2000 })
	s.stop()
	if got, want := s.nodes(), map[string]int{"alex": 1000, "fritz": 1000}; !maps.Equal(got, want) {
		t.Errorf("got %v nodes, want %v", got, want)
	}
	for _, p := range s.store.Nodes() {
		if p.Cluster[0] == 'a' != (p.Node[0] == 'a') {
			t.Errorf("%s is in %s", p.Node, p.Cluster)
		}
	}
	s.wantCount(1000, "accepted_total", "a")
	s.wantCount(1000, "accepted_total", "b")
}

// Two processes with the same queue share the messages.
func TestNATSQueue(t *testing.T) {
	b := natstest.Start(t)
	subs := map[string]source.Subscription{"a": {Subject: "lines", Cluster: "c", Queue: "q"}}
	one, two := newStation(t, b.URL(), 0, subs), newStation(t, b.URL(), 0, subs)
	nc := b.Client()
	for range 2 {
		subscribed(t, nc, "lines")
	}
	eventually(t, "both", func() bool {
		_ = nc.Publish("lines", []byte("load,hostname=first value=1"))
		_ = nc.Flush()
		return one.count("accepted_total") > 0 && two.count("accepted_total") > 0
	})
	for i := range 1000 {
		_ = nc.Publish("lines", fmt.Appendf(nil, "load,hostname=h%d value=1", i))
	}
	both := func() int { return one.nodes()["c"] + two.nodes()["c"] }
	eventually(t, "the nodes", func() bool { return both() >= 1002 })
	one.stop()
	two.stop()
	if got := both(); got != 1002 {
		t.Errorf("got %d nodes in both, want each of 1000 in one, and one in both", got)
	}
}

// What can never be taken is ended and counted by its reason, and what is beside it
// in a message is taken.
func TestNATSPoison(t *testing.T) {
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "lines", "packets", "claims")
	s := newStation(t, b.URL(), 0, map[string]source.Subscription{
		"lines":   {Stream: "S", Subject: "lines"},
		"packets": {Stream: "S", Subject: "packets", Kind: source.Packets},
		"claims":  {Stream: "S", Subject: "claims", Kind: source.Claims},
	})
	claim := fmt.Sprintf(`{"run":"r","id":"1","server":"s:1","path":"/a","opened":%d,"outcome":"ok","asked":{"read":1}}`, time.Now().Unix())
	for _, text := range []string{
		"load,hostname=h value=1",           // no cluster
		"nonsense,cluster=c,hostname=h\n\n", // no line
		"load,cluster=c,hostname=h value=1\nload,cluster=c value=1\nbad",
	} {
		send1(t, js, "lines", text)
	}
	for _, text := range []string{`{"data":"QQ="}`, `{"data":1}`, `{"remote":"a:1"}`, `nonsense`, "", `{"data":"QUFBQUFBQUE="}`} {
		send1(t, js, "packets", text)
	}
	for _, text := range []string{claim + claim, `[` + claim + `,{"x":1}]`, `{"id":"1"}`, `[`} {
		send1(t, js, "claims", text)
	}
	eventually(t, "answers", func() bool { return s.count("answers_total") == 13 })
	s.stop()
	s.wantCount(1, "answers_total", "lines", "taken")
	s.wantCount(2, "answers_total", "lines", "poison")
	s.wantCount(6, "answers_total", "packets", "poison")
	s.wantCount(2, "answers_total", "claims", "taken")
	s.wantCount(2, "answers_total", "claims", "poison")
	s.wantCount(1, "accepted_total", "lines")
	s.wantCount(0, "accepted_total", "packets")
	s.wantCount(3, "accepted_total", "claims")
	s.wantCount(1, "rejected_total", "lines", ingest.ReasonCluster)
	s.wantCount(1, "rejected_total", "lines", ingest.ReasonHost)
	s.wantCount(2, "rejected_total", "packets", ingest.ReasonData)
	s.wantCount(1, "rejected_total", "packets", ingest.ReasonField)
	s.wantCount(2, "rejected_total", "packets", ingest.ReasonSyntax)
	s.wantCount(1, "rejected_total", "claims", ingest.ReasonField)
	s.wantCount(1, "rejected_total", "claims", ingest.ReasonSyntax)
	s.wantCount(1, "rejected_total", "claims", ingest.ReasonInvalid)
	s.wantCount(0, "redelivered_total")
	if n := len(s.ledger.Claims(ledger.Filter{})); n != 1 {
		t.Errorf("got %d claims, want 1", n)
	}
}

// What a shoveler publishes becomes the same transfers as the datagrams do.
func TestNATSPackets(t *testing.T) {
	b := natstest.Start(t)
	s := newStation(t, b.URL(), 0, map[string]source.Subscription{
		"x": {Stream: "X", Subject: "xrootd", Kind: source.Packets, MaxBytes: 1 << 28},
	})
	direct := newStation(t, b.URL(), 0, nil)
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s01_full_reads")
	if err != nil {
		t.Fatal(err)
	}
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(b.Client())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a stream", func() bool { _, err := js.Stream(t.Context(), "X"); return err == nil })
	for i, p := range c.Packets {
		direct.ingest.Packets(t.Context(), []collect.Packet{{Remote: p.Remote, Data: p.Data}})
		send1(t, js, "xrootd", string(messages[i]))
	}
	n := len(c.Packets)
	s.answered(n, "taken")
	s.stop()
	later := time.Now().Add(time.Hour) // nothing waits for what came before it any more
	ids := func(s *station) (out []string) {
		s.collector.Advance(later)
		for _, x := range s.ledger.Transfers(ledger.Filter{}) {
			out = append(out, x.ID)
		}
		return out
	}
	if got, want := ids(s), ids(direct); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("got transfers %v, want %v", got, want)
	}
	s.wantCount(n, "accepted_total")
}

// For want of room a message stays with the broker, and is taken by a process that
// has some.
func TestNATSFull(t *testing.T) {
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "lines")
	subs := map[string]source.Subscription{"l": {Stream: "S", Subject: "lines", Cluster: "c"}}
	full := newStation(t, b.URL(), 1, subs)
	for i := range 20 {
		var lines strings.Builder
		for range ingest.MaxErrors { // more than a Result tells
			fmt.Fprintf(&lines, "load,cluster=c value=1\n")
		}
		fmt.Fprintf(&lines, "load,hostname=h%d value=1\n", i)
		send1(t, js, "lines", lines.String())
	}
	full.answered(60, "later")
	full.stop()
	full.wantCount(0, "accepted_total")
	full.wantCount(0, "answers_total", "taken")
	full.wantCount(0, "answers_total", "poison")

	s := newStation(t, b.URL(), 0, subs)
	s.answered(20, "taken")
	s.stop()
	if got := s.nodes()["c"]; got != 20 {
		t.Errorf("got %d nodes, want 20", got)
	}
}

// A narrow is a log for which there is no room at first.
type narrow struct {
	mu      sync.Mutex
	refuses int // so many batches
}

// Commit implements ingest.Log.
func (n *narrow) Commit(e wal.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuses--; n.refuses >= 0 {
		return fmt.Errorf("%w: %w", wal.ErrUnavailable, syscall.ENOSPC)
	}
	e.Apply(time.Now())
	return nil
}

// Turn implements ingest.Log.
func (n *narrow) Turn(f func(at time.Time)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(time.Now())
}

// While the log cannot be written, messages stay with the broker. They are taken when it
// can be written again, each once.
func TestNATSLogFails(t *testing.T) {
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "S", "lines")
	s := newStationOf(t, b.URL(), 0, map[string]source.Subscription{"l": {Stream: "S", Subject: "lines", Cluster: "c"}}, &narrow{refuses: 30})
	for range 10 {
		send1(t, js, "lines", fmt.Sprintf("count,hostname=h value=1 %d\ncount,hostname=h value=x", time.Now().Unix()))
	}
	s.answered(10, "taken")
	s.stop()
	s.wantCount(30, "answers_total", "later")
	s.wantCount(0, "answers_total", "poison")
	s.wantCount(30, "rejected_total", ingest.ReasonLog)
	if got := s.sum(); got != 10 {
		t.Errorf("got %v, want each of 10 samples once", got)
	}
}

// A message that is given out again after it was taken, since the broker died with
// our word of it, is not taken twice.
func TestNATSOnce(t *testing.T) {
	b := natstest.StartProcess(t)
	js := natstest.Stream(t, b.Client(), "S", "lines")
	if _, err := js.CreateConsumer(t.Context(), "S", jetstream.ConsumerConfig{
		Durable: "d", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	s := newStation(t, b.URL(), 0, map[string]source.Subscription{"l": {Stream: "S", Subject: "lines", Durable: "d"}})
	now := time.Now().Unix()
	n := 0
	for round := range 3 {
		for range 100 {
			text := fmt.Sprintf("count,cluster=c,hostname=h value=1 %d", now)
			eventually(t, "an acknowledgement", func() bool {
				_, err := js.Publish(t.Context(), "lines", []byte(text), jetstream.WithMsgID(strconv.Itoa(n)))
				return err == nil
			})
			n++
		}
		if round < 2 {
			b.Kill()
			b.Up()
		}
	}
	eventually(t, "acknowledgements", func() bool {
		c, err := js.Consumer(t.Context(), "S", "d")
		return err == nil && c.CachedInfo().NumPending == 0 && c.CachedInfo().NumAckPending == 0
	})
	s.stop()
	if got := s.sum(); got != float64(n) {
		t.Errorf("got %v, want each of %d samples once", got, n)
	}
}

var _ source.Sinks = (*ingest.Ingest)(nil)

// Lines, packets and claims in any form are cut as encoding/json reads them.
func FuzzItems(f *testing.F) {
	for _, s := range []string{
		"", "{}", "[]", "[{},1]", `{"data":"QQ=="}`, `{"data":"QQ=="}{"data":"QQ=="}`, "{}\n{} x", "[{}", "null", `{"a":"{"}`, `{"a":"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []collect.Packet
		r := source.Items(data, new(ingest.PacketDecoder).Decode, func(ps []collect.Packet) ingest.Result {
			got = append(got, ps...)
			return ingest.Result{Accepted: len(ps)}
		})
		if r.Accepted != len(got) || r.Rejected != len(r.Errors) {
			t.Errorf("got %+v and %d packets", r, len(got))
		}
		var all []json.RawMessage
		if json.Unmarshal(data, &all) != nil {
			all = nil
			if json.Valid(data) {
				all = append(all, data)
			}
		}
		if len(all) == 0 {
			return
		}
		want := 0
		for _, raw := range all {
			var m struct{ Data []byte }
			if json.Unmarshal(raw, &m) == nil && len(m.Data) > 0 {
				want++
			}
		}
		if r.Accepted != want || r.Rejected != len(all)-want {
			t.Errorf("%q: got %+v, want %d of %d", data, r, want, len(all))
		}
	})
}

// A reject keeps its place in the message, whatever was wrong before it.
func TestItemsPlaces(t *testing.T) {
	r := source.Items([]byte(`[{"x":1},{"id":"a"},{"x":2},{"id":"b"}]`), ingest.DecodeClaim, func(cs []*transfer.Claim) ingest.Result {
		if len(cs) != 2 {
			t.Errorf("got %d claims, want 2", len(cs))
		}
		return ingest.Result{Accepted: 1, Rejected: 1, Errors: []ingest.Reject{{Index: 1, Reason: "r"}}}
	})
	var got []int
	for _, e := range r.Errors {
		got = append(got, e.Index)
	}
	slices.Sort(got)
	if !slices.Equal(got, []int{0, 2, 3}) || r.Accepted != 1 || r.Rejected != 3 {
		t.Errorf("got rejects of %v in %+v, want 0, 2 and 3", got, r)
	}
}
