//go:build e2e

package main_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus/nats/natstest"
)

// A kept is a process that takes what a broker keeps for it, as the process itself sets
// that up: what it was given and did not acknowledge comes again after half a minute.
type kept struct {
	t    *testing.T
	home home
	text string // of the configuration
	js   jetstream.JetStream
	kind string
}

func newKept(t *testing.T, kind string) *kept {
	t.Helper()
	b := natstest.Start(t)
	k := &kept{t: t, home: newHome(t), kind: kind, js: natstest.Stream(t, b.Client(), "KEPT", kind)}
	k.text = strings.NewReplacer("@DIR@", k.home.dir, "@HTTP@", k.home.http, "@UDP@", k.home.udp, "hold: 3s", "hold: 10s").Replace(configuration) +
		fmt.Sprintf(`
wal: {sync: always}
metrics: {crash_sum: {step: 1s, fold: sum, aggregation: sum}}
nats: {urls: [%q], retry: 1s, subscriptions: {%s: {kind: %s, subject: %s, stream: KEPT}}}
`, b.URL(), kind, kind, kind)
	k.configure(k.text)
	return k
}

func (k *kept) configure(text string) {
	k.t.Helper()
	if err := os.WriteFile(k.home.config, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// publish gives the broker messages, all at once.
func (k *kept) publish(messages []string) {
	k.t.Helper()
	for _, m := range messages {
		if _, err := k.js.PublishAsync(k.kind, []byte(m), jetstream.WithStallWait(time.Minute)); err != nil {
			k.t.Fatal(err)
		}
	}
	<-k.js.PublishAsyncComplete()
}

// info is what the broker knows of the consumer.
func (k *kept) info() *jetstream.ConsumerInfo {
	k.t.Helper()
	c, err := k.js.Consumer(k.t.Context(), "KEPT", "tallystick-"+k.kind)
	if err != nil {
		return &jetstream.ConsumerInfo{}
	}
	info, err := c.Info(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return info
}

// drain waits until the broker has nothing left.
func (k *kept) drain(p *process) {
	k.t.Helper()
	p.poll(2*time.Minute, "done with all messages", func() bool {
		info := k.info()
		return info.NumPending == 0 && info.NumAckPending == 0
	})
}

// TestCrashBacklog kills the process while it works off what a broker has kept for it. What
// it had written to the log and not acknowledged comes again when many others have come,
// and must still be known.
func TestCrashBacklog(t *testing.T) {
	const messages, slots = 120_000, 1000
	k := newKept(t, "lines")
	base := time.Now().Unix() - 10_000
	var all []string
	for n := range messages {
		all = append(all, fmt.Sprintf("crash_sum,cluster=backlog,hostname=h value=1 %d", base+int64(n%slots)))
	}
	k.publish(all)
	p := start(t, k.home)
	for k.info().AckFloor.Stream < 3000 { // the more it is busy, the better
	}
	p.kill()
	k.configure(strings.Replace(k.text, "sync: always", "sync: interval", 1)) // faster
	p = start(t, k.home)
	k.drain(p)

	a := &asker{process: p, row: &tally{name: "backlog"}}
	got := a.ask("backlog", false, base, base+slots)[place{"crash_sum", "h", ""}]
	for slot := range slots {
		if v, _ := got.at(base + int64(slot)); v != messages/slots {
			t.Errorf("slot %d: %v messages were counted, want %d", slot, v, messages/slots)
		}
	}
	p.terminate()
}

// TestCrashPackets kills the process when it was given packets and has not taken them: they
// come later than those that follow, which must not change what they tell.
func TestCrashPackets(t *testing.T) {
	k := newKept(t, "packets")
	plays := newPlays(t, time.Now().Unix()-3600, "l01_two_sessions")
	all := plays.next(1000)
	p := start(t, k.home)
	p.poll(10*time.Second, "consuming", func() bool { return k.info().NumWaiting > 0 })
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	k.publish(all[:30])
	p.kill()
	p = start(t, k.home)
	k.publish(all[30:])
	k.drain(p)

	whole := start(t, newHome(t))
	newSender(t, whole).all(t, "/api/v1/packets", all)
	want := whole.settled("/api/v1/transfers")
	p.poll(time.Minute, "as many transfers", func() bool {
		return len(p.get("/api/v1/transfers", "application/json")) >= len(want)
	})
	compare(t, "transfers", string(p.settled("/api/v1/transfers")), string(want))
	p.terminate()
}
