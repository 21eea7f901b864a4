package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tallystick/benchmarks/workload"
)

// A driver speaks to a server.
type driver struct {
	url    string
	client *http.Client
}

func newDriver(addr string) *driver {
	return &driver{"http://" + addr, &http.Client{
		Timeout:   5 * time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true},
	}}
}

// do sends a request, and returns the answer, and how long it took to come whole.
func (d *driver) do(ctx context.Context, r request) ([]byte, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, d.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, 0, err
	}
	for name, value := range r.head {
		req.Header.Set(name, value)
	}
	start := time.Now()
	res, err := d.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	took := time.Since(start)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %.60s: %s: %.300s", r.method, r.path, res.Status, body)
	}
	return body, took, err
}

// ask asks a question, and returns what is right of the answer. It returns false if there is no
// answer to such.
func (d *driver) ask(ctx context.Context, p peer, w *workload.Workload, q question) (tally, time.Duration, bool, error) {
	r, ok := p.ask(w, q)
	if !ok {
		return tally{}, 0, false, nil
	}
	body, took, err := d.do(ctx, r)
	if err != nil {
		return tally{}, 0, true, err
	}
	a, err := p.read(w, q, body)
	if err != nil {
		return tally{}, 0, true, fmt.Errorf("read answer: %w", err)
	}
	return a.check(), took, true, nil
}

// latencies are how long requests took.
type latencies []time.Duration

// at is the latency that so large a part did not exceed, in milliseconds.
func (l latencies) at(part float64) float64 {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[int(part*float64(len(l)-1))].Seconds() * 1000
}

// A sending is what fill has sent so far.
type sending struct {
	acked atomic.Int64 // samples
	took  latencies

	mu   sync.Mutex
	last []time.Time // when the last request with samples of a slot was answered
}

func newSending(w *workload.Workload) *sending { return &sending{last: make([]time.Time, w.Slots)} }

// answered notes that a request was.
func (s *sending) answered(batch []workload.Ref) {
	s.acked.Add(int64(len(batch)))
	s.mu.Lock()
	defer s.mu.Unlock()
	for slot := batch[0].Slot; slot <= batch[len(batch)-1].Slot; slot++ {
		s.last[slot] = time.Now()
	}
}

// fill sends all samples, on as many connections as there are senders, each with so
// many in a request. All must be taken.
func (d *driver) fill(ctx context.Context, p peer, w *workload.Workload, senders, size int, s *sending) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, senders)
	took := make([]latencies, senders)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			if took[i], errs[i] = d.send(ctx, p, w, i, senders, size, s); errs[i] != nil {
				stop()
			}
		})
	}
	wg.Wait()
	s.took = slices.Concat(took...)
	return errors.Join(errs...)
}

func (d *driver) send(ctx context.Context, p peer, w *workload.Workload, sender, senders, size int, s *sending) (took latencies, err error) {
	var body []byte
	for batch := range w.Batches(sender, senders, size) {
		body = p.encode(body[:0], w, batch)
		_, t, err := d.do(ctx, p.write(body))
		if err != nil {
			return took, fmt.Errorf("write: %w", err)
		}
		took = append(took, t)
		s.answered(batch)
	}
	return took, nil
}
