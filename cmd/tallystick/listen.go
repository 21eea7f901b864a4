package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/net/netutil"

	"tallystick/internal/certs"
	"tallystick/internal/config"
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
	if s.http, err = given.Listeners(socketHTTP); err != nil {
		return err
	}
	if len(s.http) > 0 {
		return s.secure()
	}
	for _, address := range s.cfg.HTTP.Listen {
		ln, err := listen(ctx, address)
		if err != nil {
			return listenError("http.listen", err)
		}
		s.http = append(s.http, ln)
	}
	return s.secure()
}

// listenError returns what is told of err where the addresses of a key are listened on.
func listenError(key string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w; give it another one (--set %s=HOST:PORT), or stop the process that has this", key, err, key)
	}
	return fmt.Errorf("%s: %w", key, err)
}

// listen listens on an address of the configuration. A socket in the file system that
// nobody answers at is one that a crash has left.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	network, at := config.Network(address)
	ln, err := lc.Listen(ctx, network, at)
	if network != "unix" || !errors.Is(err, syscall.EADDRINUSE) {
		return ln, err
	}
	conn, left := (&net.Dialer{}).DialContext(ctx, network, at)
	if left == nil {
		_ = conn.Close() // it was good for nothing but to see that somebody is there
	}
	if !errors.Is(left, syscall.ECONNREFUSED) {
		return nil, err
	}
	if err := os.Remove(at); err != nil {
		return nil, err
	}
	return lc.Listen(ctx, network, at)
}

// secure bounds how many connections there may be, has TLS spoken by those that are reached by a
// network, if it is configured, and refuses what the configuration does not allow without.
func (s *server) secure() (err error) {
	if s.cfg.HTTP.TLS.On() {
		if s.certs, err = certs.Open(s.cfg.HTTP.TLS, s.registry, s.log); err != nil {
			return fmt.Errorf("http.tls: %w", err)
		}
	}
	for i, ln := range s.http {
		ln = netutil.LimitListener(ln, s.cfg.HTTP.Connections)
		s.http[i] = ln
		tcp, ok := ln.Addr().(*net.TCPAddr)
		switch {
		case !ok: // it does not leave the machine
		case !tcp.IP.IsLoopback() && (s.cfg.Development || !s.cfg.HTTP.Secure(false)):
			return fmt.Errorf("the service manager's socket %v is not loopback: set http.tls, or http.cleartext: true, and development: false", tcp)
		case s.certs != nil:
			s.http[i] = tls.NewListener(ln, s.certs.TLS())
		}
	}
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
			return listenError("udp.listen", err)
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
	if s.accounts != nil {
		_ = s.accounts.Close() // nothing is left to be written
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
func (s *server) url() string {
	addr := s.http[0].Addr()
	switch {
	case addr.Network() == "unix":
		return "unix:" + addr.String()
	case s.certs != nil:
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}
