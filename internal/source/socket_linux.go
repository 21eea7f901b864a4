package source

import (
	"encoding/binary"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// dontWait has reading return at once if there is nothing.
const dontWait = unix.MSG_DONTWAIT

// prepare asks for the buffer, beyond the limit of the system where we may, and
// to be told of drops. What of these is refused is left as it is: receiveBuffer tells.
// That others cannot have the same address is an error.
func prepare(fd, buffer int, share bool) error {
	if buffer > 0 && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	if share {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	return nil
}

// receiveBuffer returns how many bytes the kernel holds for conn. The kernel
// itself counts twice as many, for its bookkeeping (socket(7)).
func receiveBuffer(conn net.PacketConn) (bytes int, ok bool) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, false
	}
	var got int
	failed := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
	return got / 2, failed == nil && err == nil
}

func wasCut(flags int) bool { return flags&unix.MSG_TRUNC != 0 }

// drops returns how many datagrams the kernel has dropped, if control says so
// (SO_RXQ_OVFL, socket(7)).
func drops(control []byte) (n uint32, ok bool) {
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return 0, false
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4 {
			return binary.NativeEndian.Uint32(data), true
		}
		control = rest
	}
	return 0, false
}
