package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"tallystick/internal/bus"
)

const (
	requestTime = time.Minute
	maxAnswer   = 4 << 10 // bytes of an answer that are told in the log
)

// A poster posts lines of JSON.
type poster struct {
	cfg    HTTPConfig
	client *http.Client
}

// ToHTTP returns a Sender to who takes POST requests. The error is that of reading the
// authorities.
func ToHTTP(cfg HTTPConfig) (Sender, error) { //nolint:ireturn // all are Senders
	var own tls.Config
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read authorities: %w", err)
		}
		own.RootCAs = x509.NewCertPool()
		if !own.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read authorities: %s has no certificate", cfg.CAFile)
		}
	}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &own, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConns: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}
	return &poster{cfg, &http.Client{Transport: t, Timeout: requestTime, CheckRedirect: stay}}, nil
}

// stay keeps a token from going elsewhere, and a POST from becoming a GET.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Send implements Sender. A receiver may refuse all for the sake of one: it is searched
// for by halves.
func (p *poster) Send(ctx context.Context, ms []Message) (done int, err error) {
	err = p.post(ctx, ms)
	switch {
	case err == nil:
		return len(ms), nil
	case ReasonOf(err) != Refused || len(ms) == 1:
		return 0, err
	}
	half := len(ms) / 2
	if done, err = p.Send(ctx, ms[:half]); err != nil {
		return done, err
	}
	done, err = p.Send(ctx, ms[half:])
	return half + done, err
}

func (p *poster) post(ctx context.Context, ms []Message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.URL, lines(ms))
	if err != nil {
		return failed(Unreachable, err)
	}
	req.ContentLength = length(ms)
	req.GetBody = func() (io.ReadCloser, error) { return lines(ms), nil } // a connection may turn out to be closed
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("User-Agent", "tallystick")
	if p.cfg.TokenFile != "" {
		token, err := bus.ReadSecret(p.cfg.TokenFile)
		if err != nil {
			return failed(Denied, err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := p.client.Do(req)
	if err != nil {
		return failed(Unreachable, err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // it is only to be told
	return judge(answer, text)
}

// lines returns the bodies of messages, each on a line, without a copy of them.
func lines(ms []Message) io.ReadCloser {
	b := make(net.Buffers, 0, 2*len(ms))
	for _, m := range ms {
		b = append(b, m.Body, []byte{'\n'})
	}
	return io.NopCloser(&b)
}

// length returns how many bytes lines has.
func length(ms []Message) (n int64) {
	for _, m := range ms {
		n += int64(len(m.Body)) + 1
	}
	return n
}

// judge returns the error that an answer is, nil if the receiver has the records.
func judge(answer *http.Response, text []byte) error {
	err := fmt.Errorf("answered %s: %s", answer.Status, strings.ToValidUTF8(strings.TrimSpace(string(text)), "?"))
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return failed(Denied, err)
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return failed(Refused, err)
	case code == http.StatusTooManyRequests, code >= 500:
		return failed(Busy, err)
	}
	return failed(Unreachable, err) // there is nobody who takes records
}
