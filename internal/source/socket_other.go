//go:build !linux

package source

import (
	"errors"
	"net"
)

// Elsewhere than on Linux, which is where this runs, the kernel's default has to
// do, and it does not tell what it drops.

const dontWait = 0

func prepare(_, _ int, share bool) error {
	if share {
		return errors.New("several sockets for one address are for Linux only")
	}
	return nil
}

func receiveBuffer(net.PacketConn) (bytes int, ok bool) { return 0, false }

func wasCut(int) bool { return false }

func drops([]byte) (n uint32, ok bool) { return 0, false }
