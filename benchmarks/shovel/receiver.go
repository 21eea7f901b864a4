package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// A receiver takes messages by HTTP, as `tallystick serve` does, and looks at their numbers.
type receiver struct {
	srv  *http.Server
	addr string
	away atomic.Bool // it answers 503

	arrived  atomic.Uint64 // messages
	last     atomic.Uint64 // number of the last one
	missing  atomic.Uint64 // numbers that were left out
	repeated atomic.Uint64 // numbers that had been there
}

func newReceiver(ctx context.Context) (*receiver, error) {
	var c net.ListenConfig
	ln, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{addr: ln.Addr().String()}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.srv.Serve(ln) }() // until close
	return r, nil
}

func (r *receiver) url() string { return "http://" + r.addr + "/api/v1/packets" }

func (r *receiver) close() { _ = r.srv.Close() }

// ServeHTTP takes lines of JSON.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.away.Load() {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	lines := bufio.NewScanner(req.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		r.take(numberIn(lines.Bytes()))
	}
	if lines.Err() != nil {
		http.Error(w, lines.Err().Error(), http.StatusBadRequest)
	}
}

// take notes the number of a message. The shovel sends one request after the other.
func (r *receiver) take(n uint64) {
	r.arrived.Add(1)
	last := r.last.Load()
	if n <= last {
		r.repeated.Add(1)
		return
	}
	r.missing.Add(n - last - 1)
	r.last.Store(n)
}

// numberIn returns the number of the datagram in a message, 0 if it has none. No more than the
// beginning is decoded, so that the receiver does not take the processor from who is measured.
func numberIn(message []byte) uint64 {
	const before, encoded = `"data":"`, 24 // of 18 bytes
	at := bytes.Index(message, []byte(before))
	if at < 0 || len(message) < at+len(before)+encoded {
		return 0
	}
	var head [18]byte
	text := message[at+len(before):][:encoded]
	if _, err := base64.StdEncoding.Decode(head[:], text); err != nil {
		return 0
	}
	return binary.BigEndian.Uint64(head[headerSize:])
}
