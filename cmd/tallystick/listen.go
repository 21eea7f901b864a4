package main

import (
	"context"
	"fmt"
	"net"

	"tallystick/internal/source"
	"tallystick/internal/systemd"
)

// The names of sockets that a service manager may have opened for us.
const (
	socketHTTP = "http"
	socketUDP  = "udp"
)

// listen opens what is listened on, or takes what the service manager has opened.
func (s *server) listen(ctx context.Context, given *systemd.Sockets) error {
	if err := s.listenHTTP(ctx, given); err != nil {
		return err
	}
	if err := s.listenUDP(ctx, given); err != nil {
		return err
	}
	if names := given.Close(); names != nil {
		return fmt.Errorf("sockets of the service manager with unknown names: %q; there are %s and %s", names, socketHTTP, socketUDP)
	}
	return nil
}

func (s *server) listenHTTP(ctx context.Context, given *systemd.Sockets) (err error) {
	if s.http, err = given.Listeners(socketHTTP); err != nil || len(s.http) > 0 {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	s.http = append(s.http, ln)
	return nil
}

func (s *server) listenUDP(ctx context.Context, given *systemd.Sockets) error {
	conns, err := given.PacketConns(socketUDP)
	if err != nil {
		return err
	}
	for _, conn := range conns {
		s.udp = append(s.udp, []net.PacketConn{conn})
	}
	if len(conns) > 0 {
		return nil
	}
	for _, addr := range s.cfg.UDP.Listen {
		conns, err := source.Listen(ctx, addr, s.cfg.UDP, s.log)
		if err != nil {
			return fmt.Errorf("udp.listen: %w", err)
		}
		s.udp = append(s.udp, conns)
	}
	return nil
}

// close closes what listen and connect opened, where nothing serves it.
func (s *server) close() {
	for _, l := range s.locks {
		_ = l.Close() // nobody is there to be told
	}
	for _, ln := range s.http {
		_ = ln.Close()
	}
	for _, conns := range s.udp {
		source.Close(conns)
	}
	if s.nats != nil {
		s.nats.Close()
	}
}

// udpAddrs are where datagrams are received.
func (s *server) udpAddrs() []string {
	var out []string
	for _, conns := range s.udp {
		out = append(out, conns[0].LocalAddr().String())
	}
	return out
}

// url is where the API is, for people on this machine.
func (s *server) url() string { return "http://" + s.http[0].Addr().String() }
