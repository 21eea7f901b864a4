package systemd

import (
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are those that the process was given. The zero value has none.
type Sockets struct {
	files []*os.File
}

// Take takes the sockets that the process was given. They are given once, and no child
// of the process shall believe that they are its own: a second call returns none.
func Take() *Sockets { return &Sockets{files: activation.Files(true)} }

// Listeners takes those that listen under a name (FileDescriptorName= of the socket's unit,
// without which it is the name of the unit).
func (s *Sockets) Listeners(name string) ([]net.Listener, error) {
	return take(s, name, net.FileListener)
}

// PacketConns takes the datagram sockets under a name.
func (s *Sockets) PacketConns(name string) ([]net.PacketConn, error) {
	return take(s, name, net.FilePacketConn)
}

// take makes of each file under the name what it is. Names that are taken are not there
// any more, also if there is an error.
func take[S interface{ Close() error }](s *Sockets, name string, open func(*os.File) (S, error)) (out []S, err error) {
	var left []*os.File
	for _, f := range s.files {
		if f.Name() != name {
			left = append(left, f)
			continue
		}
		socket, e := open(f) // of a duplicate
		_ = f.Close()        // nothing was written to it
		if e != nil {
			err = fmt.Errorf("socket %q of the service manager: %w", name, e)
			continue
		}
		out = append(out, socket)
	}
	s.files = left
	if err != nil {
		for _, socket := range out {
			_ = socket.Close() // the error is told already
		}
		return nil, err
	}
	return out, nil
}

// Close closes those that nobody took, and returns their names: nobody asked for them, and
// who connected would wait for ever.
func (s *Sockets) Close() []string {
	var names []string
	for _, f := range s.files {
		names = append(names, f.Name())
		_ = f.Close() // nothing was written to it
	}
	s.files = nil
	return names
}
