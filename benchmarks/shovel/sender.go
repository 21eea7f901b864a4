package main

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	headerSize = 8              // code, sequence number, length, start of the server
	minSize    = headerSize + 8 // and our number
	burst      = 64             // datagrams that the kernel is given at once
	// servers is how many there seem to be: sockets that take turns.
	servers = 8
)

// A sender sends datagrams as XRootD servers would, f-streams by their header, with a number
// behind it.
type sender struct {
	conns []*ipv4.PacketConn
	to    []ipv4.Message // one buffer each
	sent  uint64         // also the last number
	seqs  [servers]byte
}

func newSender(ctx context.Context, to string, size int) (*sender, error) {
	s := &sender{to: make([]ipv4.Message, burst)}
	for range servers {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "udp4", to)
		if err != nil {
			s.close()
			return nil, err
		}
		s.conns = append(s.conns, ipv4.NewPacketConn(conn.(net.PacketConn))) //nolint:errcheck,forcetypeassert // it is UDP's
	}
	for i := range s.to {
		b := make([]byte, size)
		b[0] = 'f'
		binary.BigEndian.PutUint16(b[2:], uint16(size)) //nolint:gosec // run has looked
		binary.BigEndian.PutUint32(b[4:], 1_700_000_000)
		s.to[i].Buffers = [][]byte{b}
	}
	return s, nil
}

func (s *sender) close() {
	for _, c := range s.conns {
		_ = c.Close()
	}
}

// tooLate is what is not caught up with: a sender that got no processor for long would send
// what no server sends at once.
const tooLate = 100 * time.Millisecond

// send sends at a rate until done says so. It catches up with what is not tooLate.
func (s *sender) send(ctx context.Context, rate int, done func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began, n := time.Now(), 0
	perSecond := float64(rate)
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if late := time.Since(began) - time.Duration(float64(n)/perSecond*float64(time.Second)); late > tooLate {
			began = began.Add(late - tooLate)
		}
		for due := int(time.Since(began).Seconds() * perSecond); n < due; {
			more := min(burst, due-n)
			if err := s.burst(more); err != nil {
				return err
			}
			n += more
		}
	}
	return nil
}

// burst sends n datagrams of one server.
func (s *sender) burst(n int) error {
	server := int(s.sent/burst) % servers
	for i := range n {
		b := s.to[i].Buffers[0]
		s.sent++
		b[1] = s.seqs[server]
		s.seqs[server]++
		binary.BigEndian.PutUint64(b[headerSize:], s.sent)
	}
	for at := 0; at < n; {
		sent, err := s.conns[server].WriteBatch(s.to[at:n], 0)
		if err != nil {
			return err
		}
		at += sent
	}
	return nil
}
