// Package demo plays a recorded run of a real XRootD server, and what its
// clients really did, into a running server: the datagrams over UDP, the claims
// over HTTP, as if it all happened now. Then it asks for the validation.
//
// It does nothing that a server and its clients could not do.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A Player plays the run once.
type Player struct {
	URL   string        // of the server's HTTP API, without a slash at the end
	UDP   string        // host:port that takes monitoring datagrams
	Token string        // with the roles writer and validator
	Out   io.Writer     // for people
	Pace  time.Duration // how long the datagrams take
	Wait  time.Duration // how long to wait for the last transfers at most

	client http.Client
}

// Run plays, prints the report, and then waits for ctx to end, since the server
// stays up. An error is one of playing: the server does not share it.
func (p *Player) Run(ctx context.Context) error {
	if err := p.play(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (p *Player) play(ctx context.Context) error {
	c, err := capture.Load(capture.Demo(), capture.DemoName)
	if err != nil {
		return err
	}
	now := time.Now()
	ago := now.Unix() - int64(c.Packets[len(c.Packets)-1].Time)
	run := "demo-" + now.UTC().Format("20060102T150405Z")
	claims := capture.Claims(run, c.Truth)
	move(claims, ago)

	p.say("A recorded run, played as if it were now: %d clients make %d file accesses on one XRootD server.\n"+
		"Sending the %d datagrams of the server's monitoring to udp://%s …\n",
		len(c.Truth.Clients), len(claims), len(c.Packets), p.UDP)
	if err := p.send(ctx, c.Packets, ago); err != nil {
		return fmt.Errorf("demo: send datagrams: %w", err)
	}
	p.say("Posting what the clients say they did to %s/api/v1/claims …\n", p.URL)
	if err := p.claim(ctx, claims); err != nil {
		return fmt.Errorf("demo: post claims: %w", err)
	}
	p.say("Waiting for late datagrams …\n\n")
	return p.report(ctx, run)
}

// move moves the claims by some seconds into the future.
func move(claims []*transfer.Claim, seconds int64) {
	for _, c := range claims {
		c.Opened += float64(seconds)
		if c.Closed != 0 {
			c.Closed += float64(seconds)
		}
	}
}

// send sends the datagrams, moved to the present, evenly over p.Pace.
func (p *Player) send(ctx context.Context, packets []capture.Packet, ago int64) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", p.UDP)
	if err != nil {
		return err
	}
	defer conn.Close()
	tick := time.NewTicker(max(p.Pace/time.Duration(len(packets)), time.Microsecond))
	defer tick.Stop()
	for _, pkt := range packets {
		if err := xrootd.Shift(pkt.Data, ago); err != nil && !errors.Is(err, xrootd.ErrText) {
			return err
		}
		if _, err := conn.Write(pkt.Data); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *Player) claim(ctx context.Context, claims []*transfer.Claim) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	for _, c := range claims {
		if err := enc.Encode(c); err != nil {
			return err
		}
	}
	_, err := p.do(ctx, http.MethodPost, "/api/v1/claims", "application/json", &body)
	return err
}

// report waits until every claim that should have a transfer has one, and
// prints the table.
func (p *Player) report(ctx context.Context, run string) error {
	path := "/api/v1/validation?run=" + url.QueryEscape(run)
	ctx, cancel := context.WithTimeoutCause(ctx, p.Wait, errors.New("the transfers did not come"))
	defer cancel()
	if err := p.await(ctx, path); err != nil {
		return err
	}
	table, err := p.do(ctx, http.MethodGet, path, "text/plain", nil)
	if err != nil {
		return err
	}
	p.say("%s\nThe same as JSON: %s%s\n", table, p.URL, path)
	return nil
}

func (p *Player) await(ctx context.Context, path string) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		body, err := p.do(ctx, http.MethodGet, path, "application/json", nil)
		if err != nil {
			return err
		}
		var r struct {
			Totals struct {
				Verdicts map[transfer.Kind]int `json:"verdicts"`
			} `json:"totals"`
		}
		if err := json.Unmarshal(body, &r); err != nil {
			return fmt.Errorf("demo: read report: %w", err)
		}
		if r.Totals.Verdicts[transfer.Missing] == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("demo: %w", context.Cause(ctx))
		}
	}
}

// do makes one request; kind is the content type of the body, or of the answer
// if there is no body. Anything but success is an error.
func (p *Player) do(ctx context.Context, method, path, kind string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.URL+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	if body != nil {
		req.Header.Set("Content-Type", kind)
	} else {
		req.Header.Set("Accept", kind)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, b)
	}
	return b, err
}

func (p *Player) say(format string, args ...any) {
	fmt.Fprintf(p.Out, format, args...)
}
