package source

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// Listen returns a UDP socket bound to addr, host:port, for which the kernel was
// asked to hold so many bytes; 0 leaves its default. That it does not grant them
// is no error: see UDP.Buffer.
func Listen(ctx context.Context, addr string, buffer int) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { prepare(int(fd), buffer) })
	}}
	conn, err := lc.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for datagrams: %w", err)
	}
	return conn, nil
}
