package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-ldap/ldap/v3"

	"tallystick/internal/auth"
)

// ask lets do speak with the first server that answers, beginning with the one that did last.
// The error of do is the last word if it wraps auth.ErrDenied; any other is of a server that could
// not tell, and the next is asked.
func (p *Provider) ask(ctx context.Context, do func(*session) error) error {
	var failed error
	begin := p.last.Load()
	for i := range int64(len(p.cfg.URLs)) {
		at := (begin + i) % int64(len(p.cfg.URLs))
		err := p.askOne(ctx, p.cfg.URLs[at], do)
		if err == nil || errors.Is(err, auth.ErrDenied) {
			p.last.Store(at)
			return err
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", p.cfg.URLs[at], err))
	}
	return fmt.Errorf("%w: %w", auth.ErrUnavailable, failed)
}

func (p *Provider) askOne(ctx context.Context, server string, do func(*session) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	raw, conn, err := p.connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A past deadline ends whatever waits for the server, in the library too.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if p.cfg.StartTLS {
		if err := conn.StartTLS(p.tlsFor(server)); err != nil {
			return fmt.Errorf("start TLS: %w", err)
		}
	}
	return do(&session{conn, p.cfg})
}

// connect returns a connection, and what it is made of.
func (p *Provider) connect(ctx context.Context, server string) (net.Conn, *ldap.Conn, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, nil, err
	}
	port := map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}[u.Scheme]
	if u.Port() != "" {
		port = u.Port()
	}
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, nil, err
	}
	raw = &bounded{raw, maxRead}
	over := raw
	if u.Scheme == "ldaps" {
		secure := tls.Client(raw, p.tlsFor(server))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, nil, errors.Join(err, raw.Close())
		}
		over = secure
	}
	conn := ldap.NewConn(over, u.Scheme == "ldaps")
	conn.Start()
	return raw, conn, nil
}

func (p *Provider) tlsFor(server string) *tls.Config {
	config := p.tls.Clone()
	if u, err := url.Parse(server); err == nil {
		config.ServerName = u.Hostname()
	}
	return config
}
