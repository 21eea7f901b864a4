package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
)

// Listen returns the UDP sockets of cfg bound to addr, host:port, for each of which the
// kernel is asked to hold so many bytes; 0 leaves its default. That it holds less is
// logged, and no error. The kernel may share what comes to several sockets with those of
// others who want that too and have the same user.
func Listen(ctx context.Context, addr string, cfg Config, log *slog.Logger) (conns []net.PacketConn, err error) {
	defer func() {
		if err != nil {
			Close(conns)
			conns = nil
		}
	}()
	for range max(cfg.Sockets, 1) {
		conn, err := listen(ctx, addr, cfg.Buffer, cfg.Sockets > 1, log)
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
		addr = conn.LocalAddr().String() // with the port, where any would do
	}
	return conns, nil
}

// Close closes sockets that nobody receives on.
func Close(conns []net.PacketConn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

func listen(ctx context.Context, addr string, buffer int, share bool, log *slog.Logger) (net.PacketConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var refused error
		err := c.Control(func(fd uintptr) { refused = prepare(int(fd), buffer, share) })
		return errors.Join(err, refused)
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
