package ldap_test

import (
	"context"
	"errors"
	"io"
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

// TestLongAnswer has a server whose answer to a bind does not end: no more of it is taken than may
// be, and who waits is told at once.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	const most, patience = 16 << 20, 30 * time.Second
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	sent := make(chan int, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "\x30\x84\x7f\xff\xff\xff\x04\x84\x7f\xff\xff\x00") // a string of 2 GiB
		n := 0
		for block := make([]byte, 1<<20); n < 4*most; {
			m, err := c.Write(block)
			if n += m; err != nil {
				break
			}
		}
		sent <- n
	}()
	c := ldap.Default()
	c.URLs, c.UserDN, c.Sync, c.Timeout = []string{"ldap://" + ln.Addr().String()}, "uid={user},dc=example", 0, patience
	c.Roles.Viewer = []string{auth.Everybody}
	began := time.Now()
	if _, err := login(t, open(t, c), "alice", "alicepw"); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("got %v, want that it is not available", err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("got an error after %v, want it before %v", took, patience/2)
	}
	if n := <-sent; n > 2*most { // some is on the way
		t.Errorf("%d bytes were taken, want about %d", n, most)
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
