//go:build e2e

package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tallystick/internal/ingest"
)

// A state is what is known of something that was sent.
type state byte

const (
	unknown state = iota // no answer came: it may be there, as a whole, or not
	acknowledged
	refused
)

// A tally is what became of all that a load has sent.
type tally struct {
	name, unit           string
	acknowledged         int
	unknown, there       int // no answer came; of these, what was there
	lost, doubled, wrong int
}

// sent counts what was sent.
func (t *tally) sent(s state, n int) {
	switch s {
	case acknowledged:
		t.acknowledged += n
	case unknown:
		t.unknown += n
	case refused:
	}
}

// A sender sends to one process.
type sender struct {
	t        *testing.T
	url      string
	token    string
	client   *http.Client
	stopping atomic.Bool // it may say that it does
}

func newSender(t *testing.T, p *process) *sender {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 20}
	t.Cleanup(transport.CloseIdleConnections)
	return &sender{t: t, url: "http://" + p.http, token: p.token, client: &http.Client{Transport: transport}}
}

// post sends a request and says what became of what is in it. It is not sent again.
func (s *sender) post(ctx context.Context, path string, body []byte, packed bool) state {
	if packed {
		body = pack(body)
	}
	// Without GetBody nobody sends it a second time.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, io.MultiReader(bytes.NewReader(body)))
	if err != nil {
		s.t.Error(err)
		return refused
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	if packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return unknown
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	var r ingest.Result
	if err == nil && strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(text, &r)
	}
	switch {
	case err != nil:
		return unknown
	case res.StatusCode/100 == 2 && r.Rejected == 0:
		return acknowledged
	case res.StatusCode == http.StatusServiceUnavailable && s.stopping.Load() && r.Accepted == 0:
		return refused
	}
	s.t.Errorf("%s: %s: %.500s", path, res.Status, text)
	return unknown
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// all sends many messages, a few at a time, which must all be taken.
func (s *sender) all(t *testing.T, path string, messages []string) {
	t.Helper()
	for len(messages) > 0 {
		n := min(len(messages), 200)
		if got := s.post(t.Context(), path, []byte(strings.Join(messages[:n], "\n")), true); got != acknowledged {
			t.Fatalf("the reference did not take %s", path)
		}
		messages = messages[n:]
	}
}

// An asker asks one process for what one load has sent.
type asker struct {
	*process

	r    *rand.Rand
	row  *tally
	told int
}

// wrong counts n that are not as they should be, and tells the first few times.
func (a *asker) wrong(count *int, n int, format string, args ...any) {
	a.t.Helper()
	*count += n
	if a.told++; a.told <= 5 {
		a.t.Errorf("%s: %s", a.row.name, fmt.Sprintf(format, args...))
	}
}

// A series is what a query answers.
type series struct {
	Metric string
	Level  struct {
		Node      string
		Component struct{ ID string }
	}
	From   int64
	Values []*float64
}

// at returns the sample of a slot.
func (s *series) at(t int64) (float64, bool) {
	if s == nil || t < s.From || t-s.From >= int64(len(s.Values)) || s.Values[t-s.From] == nil {
		return 0, false
	}
	return *s.Values[t-s.From], true
}

// A place is where a series is.
type place struct{ metric, node, component string }

// ask returns all series of a cluster, by place: those of nodes, or of their components.
func (a *asker) ask(cluster string, components bool, from, to int64) map[place]*series {
	a.t.Helper()
	below := ""
	if components {
		below = `,"type":"*","type_id":"*"`
	}
	question := fmt.Sprintf(`{"from":%d,"to":%d,"levels":[{"cluster":%q,"node":"*"%s}]}`, from, to, cluster, below)
	body := a.do(http.MethodPost, "/api/v1/query", "application/x-ndjson", []byte(question))
	all := make(map[place]*series)
	for dec := json.NewDecoder(bytes.NewReader(body)); dec.More(); {
		s := new(series)
		if err := dec.Decode(s); err != nil {
			a.t.Fatal(err)
		}
		all[place{s.Metric, s.Level.Node, s.Level.Component.ID}] = s
	}
	return all
}
