package stomp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-stomp/stomp/v3/frame"

	"tallystick/internal/bus"
)

const (
	// dialTimeout is how long one attempt may take, until we are let in.
	dialTimeout = 5 * time.Second
	// heartbeat is how often each side says something; a broker that is gone without
	// a word is found in three of it.
	heartbeat = 10 * time.Second
	// closeTime is how long the broker may take to say goodbye.
	closeTime = 2 * time.Second
	// maxUnconfirmed bounds how many messages of a connection are published and not
	// confirmed.
	maxUnconfirmed = 1024
)

// A delivery is a message that came in.
type delivery struct {
	*frame.Frame
	long bool // its body was too long
}

// A session is one connection.
type session struct {
	conn     net.Conn
	messages chan delivery // closed when the session is over
	receipts *bus.Receipts
	silence  time.Duration // after which the broker is gone; 0: it may be silent

	mu   sync.Mutex // of what is written
	w    *frame.Writer
	next uint64 // receipt

	over    chan struct{} // closed when the session is over
	why     error         // to be read after over
	writing sync.WaitGroup
}

// open connects to an address, and is let in. There is room for so many messages.
func open(ctx context.Context, cfg Config, at address, client string, room int) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	user, password, err := cfg.who()
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, cfg, at)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // ends what waits
	s := &session{
		conn: conn, w: frame.NewWriter(conn), messages: make(chan delivery, room),
		receipts: bus.NewReceipts(maxUnconfirmed), over: make(chan struct{}),
	}
	r := newReader(conn)
	every, err := s.greet(r, at.vhost, client, user, password)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	go s.read(r)
	if every > 0 {
		s.writing.Go(func() { s.beat(every) })
	}
	return s, nil
}

func dial(ctx context.Context, cfg Config, at address) (net.Conn, error) {
	var d net.Dialer
	if !at.secure {
		return d.DialContext(ctx, "tcp", at.hostPort)
	}
	config, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	config.ServerName = at.host
	return (&tls.Dialer{NetDialer: &d, Config: config}).DialContext(ctx, "tcp", at.hostPort)
}

// greet says who we are and waits to be let in. It returns how often the broker wants
// to hear something.
func (s *session) greet(r *reader, vhost, client, user, password string) (every time.Duration, err error) {
	ms := strconv.FormatInt(heartbeat.Milliseconds(), 10)
	f := frame.New(frame.CONNECT, frame.AcceptVersion, "1.2", frame.Host, vhost, frame.HeartBeat, ms+","+ms)
	if user != "" {
		f.Header.Add(frame.Login, user)
		f.Header.Add(frame.Passcode, password)
	}
	if client != "" {
		f.Header.Add("client-id", client)
	}
	if err := s.w.Write(f); err != nil {
		return 0, err
	}
	for f = nil; f == nil; {
		if f, _, err = r.read(); err != nil {
			return 0, err
		}
	}
	if f.Command != frame.CONNECTED {
		return 0, told(f)
	}
	if v := f.Header.Get(frame.Version); v != "1.2" {
		return 0, fmt.Errorf("the broker speaks STOMP %q, not 1.2", v)
	}
	they, want, _ := strings.Cut(f.Header.Get(frame.HeartBeat), ",")
	s.silence = 3 * interval(they)
	return interval(want), nil
}

// interval returns how often there is a heart-beat if the broker says so many
// milliseconds; 0 is never.
func interval(text string) time.Duration {
	ms, err := strconv.ParseUint(text, 10, 31)
	if err != nil || ms == 0 {
		return 0
	}
	return max(heartbeat, time.Duration(ms)*time.Millisecond)
}

// told returns the error that a broker tells.
func told(f *frame.Frame) error {
	text := f.Header.Get(frame.Message)
	if body := strings.TrimSpace(string(f.Body[:min(len(f.Body), 300)])); body != "" {
		text += ": " + strings.Join(strings.Fields(body), " ")
	}
	return fmt.Errorf("the broker says %s: %s", f.Command, text)
}

// read takes what comes until the session is over.
func (s *session) read(r *reader) {
	err := s.readAll(r)
	s.why = err
	close(s.over)
	_ = s.conn.Close()
	s.receipts.End(err)
	close(s.messages)
}

func (s *session) readAll(r *reader) error {
	for {
		if s.silence > 0 {
			if err := s.conn.SetReadDeadline(time.Now().Add(s.silence)); err != nil {
				return err
			}
		}
		f, long, err := r.read()
		switch {
		case err != nil:
			return err
		case f == nil: // a heart-beat
		case f.Command == frame.MESSAGE:
			s.messages <- delivery{f, long} // there is room, if the broker keeps to its prefetch; else it waits
		case f.Command == frame.RECEIPT:
			if n, err := strconv.ParseUint(f.Header.Get(frame.ReceiptId), 10, 64); err == nil {
				s.receipts.Settle(n, nil)
			}
		case f.Command == frame.ERROR:
			return told(f)
		}
	}
}

// beat says that we are there, until the session is over.
func (s *session) beat(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-t.C:
			if s.write(nil) != nil {
				return // reading ends, too
			}
		}
	}
}

// write writes a frame; nil is a heart-beat. A broker that takes nothing for as long
// as it may be silent is gone.
func (s *session) write(f *frame.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeLocked(f)
}

func (s *session) writeLocked(f *frame.Frame) error {
	err := s.conn.SetWriteDeadline(time.Now().Add(3 * heartbeat))
	if err == nil {
		err = s.w.Write(f)
	}
	if err != nil {
		_ = s.conn.Close() // half a frame may be out
	}
	return err
}

// send writes a frame, and returns the receipt that the broker will send for it. settled
// is told of that: see bus.Receipts.Add.
func (s *session) send(ctx context.Context, f *frame.Frame, settled func(error)) (*bus.Receipt, error) {
	if err := s.receipts.Room(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	r, ok := s.receipts.Add(s.next, settled)
	if !ok {
		return nil, errOver
	}
	f.Header.Set(frame.Receipt, strconv.FormatUint(s.next, 10))
	if err := s.writeLocked(f); err != nil {
		s.receipts.Forget(s.next)
		return nil, errOver
	}
	return r, nil
}

// errOver is the error of what was not sent, since the session is over.
var errOver = errors.New("the connection is gone")

// close says goodbye, if the broker listens: what was acknowledged is known then.
func (s *session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	go func() { // what comes has no taker any more
		for range s.messages {
		}
	}()
	if r, err := s.send(ctx, frame.New(frame.DISCONNECT), nil); err == nil {
		_ = r.Wait(ctx)
	}
	_ = s.conn.Close()
	<-s.over
	s.writing.Wait()
}
