package source

import (
	"log/slog"
	"net"
	"net/netip"

	"tallystick/internal/collect"
)

// A batch reads datagrams into buffers of its own, and hands them over.
type batch struct {
	conn   net.PacketConn
	udp    *net.UDPConn // conn, if it is one: it is read without allocation
	sink   Sink
	counts *counts
	log    *slog.Logger

	buffers [batchSize][]byte
	control []byte // what the kernel says about a datagram
	drops   uint32 // by the kernel, as it last said

	packets []collect.Packet
	silent  bool // no datagram came before the deadline
	remotes map[netip.AddrPort]string
}

// maxRemotes bounds the names of senders, which save making them anew for each
// datagram: addresses can be forged.
const maxRemotes = 4096

func newBatch(u *UDP) *batch {
	b := &batch{
		conn: u.conn, sink: u.sink, counts: u.counts, log: u.log,
		control: make([]byte, 64), remotes: make(map[netip.AddrPort]string),
	}
	b.udp, _ = u.conn.(*net.UDPConn)
	slab := make([]byte, batchSize*MaxDatagram)
	for i := range b.buffers {
		b.buffers[i] = slab[i*MaxDatagram : (i+1)*MaxDatagram : (i+1)*MaxDatagram]
	}
	return b
}

// read reads one datagram into buffer n and puts it into the batch, unless it was
// cut: the rest of it is lost, and what is left would be taken for something else.
func (b *batch) read(n int) error {
	buf := b.buffers[n]
	size, remote, cut, err := b.receiveOne(buf)
	if err != nil {
		return err
	}
	b.counts.datagrams.Inc()
	b.counts.bytes.Add(float64(size))
	if cut {
		b.counts.truncated.Inc()
		return nil
	}
	b.packets = append(b.packets, collect.Packet{Remote: remote, Data: buf[:size]})
	return nil
}

func (b *batch) receiveOne(buf []byte) (size int, remote string, cut bool, err error) {
	if b.udp == nil {
		n, from, err := b.conn.ReadFrom(buf)
		if from != nil {
			remote = from.String()
		}
		return n, remote, n == len(buf), err
	}
	n, control, flags, from, err := b.udp.ReadMsgUDPAddrPort(buf, b.control)
	if err != nil {
		return 0, "", false, err
	}
	b.dropped(b.control[:control])
	return n, b.remote(from), wasCut(flags), nil
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
func (b *batch) remote(from netip.AddrPort) string {
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
