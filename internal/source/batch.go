package source

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"

	"tallystick/internal/collect"
)

// A batch reads datagrams into buffers of its own, and hands them over.
type batch struct {
	conn   net.PacketConn
	many   *ipv4.PacketConn // conn, if it is UDP: several datagrams are read at once
	sink   Sink
	counts *counts
	log    *slog.Logger

	buffers  [batchSize][]byte
	messages []ipv4.Message // for the buffers, and what the kernel says about a datagram
	flags    int            // of reading them
	drops    uint32         // by the kernel, as it last said

	packets []collect.Packet
	silent  bool // no datagram came before the deadline, or there is none
	remotes map[netip.AddrPort]string
}

// maxRemotes bounds the names of senders, which save making them anew for each
// datagram: addresses can be forged.
const maxRemotes = 4096

func newBatch(u *UDP, conn net.PacketConn) *batch {
	b := &batch{conn: conn, sink: u.sink, counts: u.counts, log: u.log, remotes: make(map[netip.AddrPort]string)}
	slab := make([]byte, batchSize*MaxDatagram)
	for i := range b.buffers {
		b.buffers[i] = slab[i*MaxDatagram : (i+1)*MaxDatagram : (i+1)*MaxDatagram]
	}
	if _, ok := conn.(*net.UDPConn); ok {
		b.many = ipv4.NewPacketConn(conn) // what is read of it has nothing that is IPv4's alone
		b.messages = make([]ipv4.Message, batchSize)
		for i := range b.messages {
			b.messages[i] = ipv4.Message{Buffers: [][]byte{b.buffers[i]}, OOB: make([]byte, controlSize)}
		}
	}
	return b
}

// controlSize is room for the number of drops, and more.
const controlSize = 64

// read reads datagrams into the buffers from n on and puts them into the batch, unless
// they were cut: the rest of one is lost, and what is left would be taken for something
// else. It returns how many came.
func (b *batch) read(n int) (int, error) {
	if b.many == nil {
		size, from, err := b.conn.ReadFrom(b.buffers[n])
		if err != nil {
			return 0, err
		}
		remote := ""
		if from != nil {
			remote = from.String()
		}
		b.add(n, size, remote, time.Now().UnixNano(), size == len(b.buffers[n]))
		return 1, nil
	}
	got, err := b.many.ReadBatch(b.messages[n:], b.flags)
	if err != nil {
		return 0, err
	}
	now := time.Now().UnixNano()
	for i := n; i < n+got; i++ {
		m := &b.messages[i]
		b.dropped(m.OOB[:m.NN])
		b.add(i, m.N, b.remote(m.Addr), now, wasCut(m.Flags))
	}
	return got, nil
}

// add puts the datagram in buffer n, which was read then, into the batch.
func (b *batch) add(n, size int, remote string, arrival int64, cut bool) {
	b.counts.datagrams.Inc()
	b.counts.bytes.Add(float64(size))
	if cut {
		b.counts.truncated.Inc()
		return
	}
	b.packets = append(b.packets, collect.Packet{Remote: remote, Data: b.buffers[n][:size], Arrival: arrival})
}

// dropped counts what the kernel dropped since it last said so: the number that
// comes with a datagram is that since the socket was made.
func (b *batch) dropped(control []byte) {
	if drops, ok := drops(control); ok {
		b.counts.dropped.Add(float64(drops - b.drops))
		b.drops = drops
	}
}

// remote returns the sender's address, an IPv4 one as such also if the socket is
// one of IPv6.
func (b *batch) remote(addr net.Addr) string {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return ""
	}
	from := udp.AddrPort()
	name, ok := b.remotes[from]
	if !ok {
		if len(b.remotes) == maxRemotes {
			clear(b.remotes)
		}
		name = netip.AddrPortFrom(from.Addr().Unmap(), from.Port()).String()
		b.remotes[from] = name
	}
	return name
}
