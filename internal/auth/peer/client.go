// Package peer has what is the same for all who know people elsewhere, and are asked by HTTP: the
// client that asks, and the round trip of a browser.
package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tallystick/internal/bus"
)

// Timeout is how long one question may take: people wait for it.
const Timeout = 10 * time.Second

// MaxAnswer is how many bytes of an answer are read: many times what the keys of a large
// provider, or a token with hundreds of groups, have.
const MaxAnswer = 1 << 20

// errLong is the error of an answer that is longer than MaxAnswer.
var errLong = fmt.Errorf("the answer has more than %d bytes", MaxAnswer)

// Client returns a client that believes the authorities of caFile (PEM; empty: the system's),
// waits for Timeout, reads MaxAnswer bytes and follows no redirection: what is asked is an API, and
// what goes there (codes, secrets, tokens) is for nobody else.
func Client(caFile string) (*http.Client, error) {
	config, err := bus.Files{CA: caFile}.TLS()
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: bounded{&http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
			DialContext:     (&net.Dialer{Timeout: Timeout}).DialContext,
			IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 2, MaxResponseHeaderBytes: 64 << 10,
		}},
	}, nil
}

// A bounded transport returns answers of at most MaxAnswer bytes.
type bounded struct{ http.RoundTripper }

// RoundTrip is as of http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &body{resp.Body, MaxAnswer}
	}
	return resp, err
}

// A body can be read until left bytes have been.
type body struct {
	io.ReadCloser
	left int
}

// Read is as of io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return n, errLong
	}
	return n, err
}

// CheckURL returns what is wrong with a URL that is asked, or that a browser is sent to: it is
// https://…, or http://… on loopback.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return fmt.Errorf("%q is not a URL such as https://id.example.org", text)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("has a user, a query or a fragment, of which it should have none")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("%q is neither https://… nor on loopback: passwords or tokens would be seen", text)
	}
	return nil
}

// CheckRedirect returns what is wrong with the URL that browsers come back to, if the provider is
// reached by a name.
func CheckRedirect(text, name string) error {
	if err := CheckURL(text); err != nil {
		return err
	}
	if path := "/login/" + name + "/callback"; !strings.HasSuffix(text, path) {
		return fmt.Errorf("%q does not end in %s", text, path)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
