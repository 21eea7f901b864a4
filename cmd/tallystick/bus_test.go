package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tallystick/internal/bus/nats/natstest"
	"tallystick/internal/capture"
	"tallystick/internal/transfer"
)

// A server is there while its broker is not, and takes lines, packets and claims
// of it when it comes. It stops with its broker away.
func TestServeNATS(t *testing.T) {
	c := load(t, "s03_concurrent_users")
	b := natstest.New(t)
	t.Chdir(t.TempDir())
	s := serveIn(
		t, "--set", "retention.memory=36500d", "--set", "retention.ledger=36500d",
		"--set", "nats.urls="+b.URL(), "--set", "metrics.load.step=1m",
		"--set", "nats.subscriptions.a.subject=lines.a", "--set", "nats.subscriptions.a.cluster=alex",
		"--set", "nats.subscriptions.a.stream=A", "--set", "nats.subscriptions.a.max_bytes=1000000",
		"--set", "nats.subscriptions.x.subject=xrootd", "--set", "nats.subscriptions.x.kind=packets",
		"--set", "nats.subscriptions.x.stream=X", "--set", "nats.subscriptions.x.max_bytes=100000000",
		"--set", "nats.subscriptions.c.subject=claims", "--set", "nats.subscriptions.c.kind=claims",
		"--set", "nats.subscriptions.c.stream=C", "--set", "nats.subscriptions.c.max_bytes=100000000",
	)
	if got := s.do(http.MethodGet, "/metrics", nil); !bytes.Contains(got, []byte("tallystick_nats_connected 0")) {
		t.Error("/metrics does not tell that the broker is away")
	}
	b.Up()
	js, err := jetstream.New(b.Client())
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	until := func(what string, ok func() bool) {
		t.Helper()
		for range 1500 {
			if ok() {
				return
			}
			<-tick.C
		}
		t.Fatalf("half a minute without %s; the server says\n%s", what, s.out)
	}
	put := func(subject string, data []byte) {
		t.Helper()
		until("a stream", func() bool { // it is made when the server has found its broker
			_, err := js.Publish(t.Context(), subject, data)
			return err == nil
		})
	}
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		put("xrootd", m)
	}
	claims, err := json.Marshal(capture.Claims("r", c.Truth))
	if err != nil {
		t.Fatal(err)
	}
	put("claims", claims)
	now := time.Now().Unix()
	put("lines.a", fmt.Appendf(nil, "load,hostname=n1 value=7.25 %d", now))
	until("74 claims that match", func() bool {
		_, r := s.report()
		return r.Totals.Verdicts[transfer.Match] == 74
	})
	ask := fmt.Appendf(nil, `{"from":%d,"to":%d,"metrics":["load"],"levels":[{"cluster":"alex","node":"n1"}]}`, now-120, now+120)
	until("the line", func() bool { return bytes.Contains(s.do(http.MethodPost, "/api/v1/query", ask), []byte("7.25")) })
	b.Down()
	s.stop()
}
