//go:build !linux

package source

import "net"

// Elsewhere than on Linux, which is where this runs, the kernel's default has to
// do, and it does not tell what it drops.

func prepare(int, int) {}

func receiveBuffer(net.PacketConn) (bytes int, ok bool) { return 0, false }

func wasCut(int) bool { return false }

func drops([]byte) (n uint32, ok bool) { return 0, false }
