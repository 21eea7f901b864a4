package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tallystick/internal/bus/amqp/amqptest"
	"tallystick/internal/bus/nats/natstest"
	"tallystick/internal/capture"
	"tallystick/internal/transfer"
)

// recordIDs returns "id.revision" of lines of records, sorted.
func recordIDs(t *testing.T, lines []byte) (ids []string) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var r struct {
			ID       string `json:"tallystick_id"`
			Revision int    `json:"tallystick_revision"`
		}
		if err := json.Unmarshal(line, &r); err != nil || r.ID == "" {
			t.Fatalf("line %q: %v", line, err)
		}
		ids = append(ids, fmt.Sprintf("%s.%d", r.ID, r.Revision))
	}
	slices.Sort(ids)
	return ids
}

// A posted is a receiver of records that may be away.
type posted struct {
	mu    sync.Mutex
	away  bool
	lines []byte
}

func (p *posted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away || err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	p.lines = append(p.lines, b...)
}

func (p *posted) set(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

func (p *posted) all() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.lines)
}

// Transfers that end go to a file, to who takes them by HTTP and is away for a while, and
// to a stream, each once, over a restart.
func TestServeRecords(t *testing.T) {
	first, second := load(t, "s03_concurrent_users"), load(t, "s01_full_reads")
	b := natstest.Start(t)
	js := natstest.Stream(t, b.Client(), "R", "records.>")
	p := &posted{away: true}
	receiver := httptest.NewServer(p)
	defer receiver.Close()
	dir := t.TempDir()
	t.Chdir(dir)
	flags := []string{
		"--set", "retention.memory=36500d", "--set", "retention.ledger=36500d", "--set", "records.hold=1s", "--set", "nats.urls=" + b.URL(),
		"--set", "records.outputs.f.form=go", "--set", "records.outputs.f.file=out/records.ndjson",
		"--set", "records.outputs.h.form=python", "--set", "records.outputs.h.url=" + receiver.URL, "--set", "records.outputs.h.history=true",
		"--set", "records.outputs.n.form=wlcg", "--set", "records.outputs.n.subject=records.wlcg",
		"--set", "records.outputs.n.route=wlcg", "--set", "records.wlcg.path_prefixes=/data/f03", "--set", "records.outputs.n.history=true",
	}
	file := func() []byte {
		got, err := os.ReadFile(filepath.Join(dir, "out", "records.ndjson"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return got
	}
	var s *served
	var want, wantWLCG []string
	feed := func(c *capture.Capture) {
		t.Helper()
		messages, err := capture.Messages(c.Packets)
		if err != nil {
			t.Fatal(err)
		}
		s.do(http.MethodPost, "/api/v1/packets", bytes.Join(messages, []byte("\n")))
		want, wantWLCG = s.endedTransfers(len(c.Sessions) + len(want))
		settled(t, "the file", func() bool { return len(recordIDs(t, file())) == len(want) })
	}
	s = serveIn(t, flags...)
	feed(first)
	settled(t, "/metrics, which tell who is away", func() bool {
		got := s.do(http.MethodGet, "/metrics", nil)
		return bytes.Contains(got, []byte(`tallystick_records_waiting{output="h"} 78`)) &&
			!bytes.Contains(got, []byte(`tallystick_records_errors_total{output="h",reason="busy"} 0`))
	})
	s.stop()
	s = serveIn(t, flags...)
	p.set(false)
	feed(second)
	settled(t, "the receiver", func() bool { return len(recordIDs(t, p.all())) == len(want) })
	settled(t, "the stream", func() bool {
		st, err := js.Stream(t.Context(), "R")
		return err == nil && int(st.CachedInfo().State.Msgs) == len(wantWLCG)
	})
	s.stop()
	if got := recordIDs(t, file()); !slices.Equal(got, want) {
		t.Errorf("the file has %q, want %q", got, want)
	}
	if got := recordIDs(t, p.all()); !slices.Equal(got, want) {
		t.Errorf("the receiver has %q, want %q", got, want)
	}
	if len(wantWLCG) == 0 {
		t.Error("no transfer is WLCG's")
	}
}

// Records go to RabbitMQ, as those who read from the collectors' exchange want them.
func TestServeRecordsAMQP(t *testing.T) {
	c := load(t, "s03_concurrent_users")
	b := amqptest.Start(t)
	ch := b.Channel(t)
	if err := ch.ExchangeDeclare("xrd.detailed", "fanout", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	b.Queue(ch, "readers", "xrd.detailed", "")
	t.Chdir(t.TempDir())
	s := serveIn(
		t, "--set", "retention.memory=36500d", "--set", "retention.ledger=36500d", "--set", "records.hold=1s", "--set", "amqp.urls="+b.URL(),
		"--set", "records.outputs.mq.form=go", "--set", "records.outputs.mq.exchange=xrd.detailed",
	)
	s.feed(c)
	want, _ := s.endedTransfers(len(c.Sessions))
	settled(t, "sent records", func() bool {
		return bytes.Contains(s.do(http.MethodGet, "/metrics", nil), fmt.Appendf(nil, "tallystick_records_sent_total{output=\"mq\"} %d\n", len(want)))
	})
	s.stop()
	var lines []byte
	for range want {
		m, ok, err := ch.Get("readers", true)
		if err != nil || !ok {
			t.Fatalf("got %v, %v, want a message", ok, err)
		}
		lines = append(append(lines, m.Body...), '\n')
	}
	if got := recordIDs(t, lines); !slices.Equal(got, want) {
		t.Errorf("the queue has %q, want %q", got, want)
	}
}

// endedTransfers waits until so many have ended, and returns what their records are called,
// and those of one path.
func (s *served) endedTransfers(n int) (all, some []string) {
	s.t.Helper()
	settled(s.t, "transfers", func() bool {
		all, some = nil, nil
		var page struct{ Transfers []transfer.Transfer }
		if err := json.Unmarshal(s.do(http.MethodGet, "/api/v1/transfers?limit=10000", nil), &page); err != nil {
			s.t.Fatal(err)
		}
		for _, x := range page.Transfers {
			if x.End == transfer.Open {
				continue
			}
			all = append(all, x.ID+".1")
			if strings.HasPrefix(x.Path, "/data/f03") {
				some = append(some, x.ID+".1")
			}
		}
		return len(all) == n
	})
	slices.Sort(all)
	return all, some
}

// settled waits until ok, for not more than half a minute.
func settled(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("half a minute without %s", what)
}
