package source

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"syscall"
)

// Listen returns a UDP socket bound to addr, host:port, for which the kernel is
// asked to hold so many bytes; 0 leaves its default. That it holds less is logged,
// and no error.
func Listen(ctx context.Context, addr string, buffer int, log *slog.Logger) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { prepare(int(fd), buffer) })
	}}
	conn, err := lc.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for datagrams: %w", err)
	}
	if got, ok := receiveBuffer(conn); ok && got < buffer {
		log.Warn("the kernel holds fewer bytes than it was asked to; net.core.rmem_max allows no more",
			"listen", conn.LocalAddr(), "bytes", got, "asked", buffer)
	}
	return conn, nil
}
