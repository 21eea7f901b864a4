package ldap_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/ldap"
)

func open(t *testing.T, c ldap.Config) *ldap.Provider {
	t.Helper()
	for _, p := range c.Check() {
		t.Fatalf("%s: %v", p.Key, p.Err)
	}
	p, err := ldap.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// login tries a name and a password, and reports the name and the roles, or how it was refused.
func login(t *testing.T, p *ldap.Provider, name, password string) (string, error) {
	t.Helper()
	id, err := p.Login(t.Context(), &auth.Attempt{Name: name, Password: password})
	if err != nil {
		if !errors.Is(err, auth.ErrDenied) && !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("%s: the error wraps neither ErrDenied nor ErrUnavailable: %v", name, err)
		}
		return "", err
	}
	roles := make([]string, len(id.Roles))
	for i, r := range id.Roles {
		roles[i] = string(r)
	}
	return id.Name + " " + strings.Join(roles, ","), nil
}

// TestNobodyThere is about servers that say nothing, or not what they should.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	refuses, said := listen(t, 0, []byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00")) // protocolError
	silent, _ := listen(t, 0, nil)
	f := func(what, url string, startTLS bool) {
		t.Helper()
		c := ldap.Default()
		c.URLs, c.StartTLS, c.BaseDN, c.Timeout = []string{url}, startTLS, "dc=example", 500*time.Millisecond
		c.Roles.Viewer = []string{auth.Everybody}
		began := time.Now()
		_, err := login(t, open(t, c), "alice", "alicepw")
		if !errors.Is(err, auth.ErrUnavailable) || errors.Is(err, auth.ErrDenied) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: got %v after %v, want that it is not available", what, err, time.Since(began))
		}
	}
	f("down", "ldap://127.0.0.1:1", false)
	f("silent", silent, false)
	f("silent with TLS", strings.Replace(silent, "ldap:", "ldaps:", 1), false)
	f("silent with StartTLS", silent, true)
	f("without StartTLS", refuses, true)
	if n := said.Load(); n != 1 {
		t.Errorf("messages to the server without StartTLS: got %d, want 1: no password goes there", n)
	}
}

func TestCanLogin(t *testing.T) {
	f := func(a auth.Attempt, want bool) {
		t.Helper()
		if got := new(ldap.Provider).CanLogin(&a); got != want {
			t.Errorf("%+v: got %v, want %v", a, got, want)
		}
	}
	f(auth.Attempt{Name: "alice"}, true)
	f(auth.Attempt{Name: "alice", Account: &auth.User{Source: ldap.Source}}, true)
	f(auth.Attempt{Name: "alice", Account: &auth.User{Source: "local"}}, false)
	f(auth.Attempt{}, false)
}

// TestEmptyPassword has a server that would take anything as good.
func TestEmptyPassword(t *testing.T) {
	t.Parallel()
	trusting, said := listen(t, 0, []byte("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00")) // success of a bind
	c := ldap.Default()
	c.URLs, c.UserDN, c.Sync, c.Roles.Viewer = []string{trusting}, "uid={user},dc=example", 0, []string{auth.Everybody}
	if _, err := login(t, open(t, c), "alice", ""); !errors.Is(err, auth.ErrDenied) || said.Load() != 0 {
		t.Errorf("got %v and %d messages, want that it is denied without any", err, said.Load())
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	silent, _ := listen(t, 0, nil)
	c := ldap.Default()
	c.URLs, c.BaseDN, c.Timeout, c.Roles.Viewer = []string{silent}, "dc=example", time.Hour, []string{auth.Everybody}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := open(t, c).Login(ctx, &auth.Attempt{Name: "a", Password: "b"}); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("with a context that ends: got %v, want that it is not available", err)
	}
}

// listen returns the URL of something that answers each message of a client with the same, or
// not at all, and counts the messages.
func listen(t *testing.T, port int, answer []byte) (string, *atomic.Int64) {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	messages := new(atomic.Int64)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for buf := make([]byte, 4096); ; {
					if _, err := c.Read(buf); err != nil {
						return
					}
					messages.Add(1)
					c.Write(answer)
				}
			}()
		}
	}()
	return "ldap://" + ln.Addr().String(), messages
}
