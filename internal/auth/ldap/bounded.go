package ldap

import (
	"fmt"
	"net"
)

// maxRead is how many bytes are read on one connection, which is for one login or one look-up:
// many times what the groups of somebody who is in thousands of them have. Without it one answer
// could have 2 GiB, which the library would hold in memory.
const maxRead = 16 << 20

// errLong is the error of a server that says more than that.
var errLong = fmt.Errorf("the answers have more than %d bytes", maxRead)

// A bounded connection can be read until left bytes have been.
type bounded struct {
	net.Conn
	left int
}

// Read is as of net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
