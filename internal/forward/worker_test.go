package forward_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/forward"
	"tallystick/internal/ledger"
)

// A transfer waits until it has not changed for some time, and is sent as it is then.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "records")
	synctest.Test(t, func(t *testing.T) {
		cfg := one(forward.Output{File: forward.FileConfig{Path: path}})
		cfg.Hold = 30 * time.Second
		w := start(t, ledger.New(ledger.Config{}), cfg, forward.Parts{Dir: dir})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.outs[0].Run(ctx) }()
		f := func(what string, after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := ids(t, slurp(t, path)); !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		time.Sleep(500 * time.Millisecond)
		put(w.ledger, 1, 1, 2)
		f("soon", 29*time.Second)
		put(w.ledger, 2, 1)
		f("the one that did not change", 3*time.Second, "2.1 1")
		f("the other", 30*time.Second, "2.1 1", "1.2 2")
		for i := range 100 { // one a second, and more
			put(w.ledger, 1, 10+2*i)
			put(w.ledger, 1, 11+2*i)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := len(ids(t, slurp(t, path))); got < 2+2*66 || got > 2+2*71 {
			t.Errorf("got %d records, want those of the first 70 of 100 seconds", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A receiver that fails is asked again after a second, and then less and less often.
func TestBackOff(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "records")
	if err := os.Mkdir(path, 0o750); err != nil { // where the file should be
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := start(t, ledger.New(ledger.Config{}), one(forward.Output{File: forward.FileConfig{Path: path}}), forward.Parts{Dir: dir})
		put(w.ledger, 1, 1)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.outs[0].Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := w.count("errors_total"); n < 60 || n > 130 {
			t.Errorf("got %v attempts in an hour, want one or two a minute", n)
		}
		if n := strings.Count(w.log.String(), "not sent"); n != 1 {
			t.Errorf("it is told %d times, want once", n)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := ids(t, slurp(t, path)); !slices.Equal(got, []string{"1.1 1"}) {
			t.Errorf("got %q, want the record", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Being told to stop, a worker waits for the answer, so that nothing is sent twice.
func TestStopWaits(t *testing.T) {
	r := &receiver{t: t}
	arrived, answer := make(chan bool), make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		arrived <- true
		<-answer
		r.ServeHTTP(w, req)
	}))
	defer s.Close()
	cfg, parts := one(forward.Output{HTTP: forward.HTTPConfig{URL: s.URL}}), forward.Parts{Dir: t.TempDir()}
	w := start(t, ledger.New(ledger.Config{}), cfg, parts)
	put(w.ledger, 1, 1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.outs[0].Run(ctx) }()
	<-arrived
	stop()
	close(answer)
	if err := <-done; err != nil {
		t.Error(err)
	}
	w = start(t, w.ledger, cfg, parts)
	w.must()
	r.want("once", "1.1 1")
}

// Where the order is not sure to be what it was, something is sent again.
func TestBeginWhereItIsSure(t *testing.T) {
	dir := t.TempDir()
	l := ledger.New(ledger.Config{})
	r := &receiver{t: t}
	s := httptest.NewServer(r)
	defer s.Close()
	cfg, parts := one(forward.Output{HTTP: forward.HTTPConfig{URL: s.URL}}), forward.Parts{Dir: dir}
	w := start(t, l, cfg, parts)
	put(l, 1, 1)
	put(l, 1, 2)
	put(l, 1, 3)
	w.must()
	// The log has lost its end: only the first is there again, and then another.
	again := ledger.New(ledger.Config{})
	put(again, 1, 1)
	w = start(t, again, cfg, parts)
	put(again, 1, 4)
	w.must()
	r.want("what is new after the loss", "1.1 1", "2.1 1", "3.1 1", "4.1 1")
	// A piece in its middle is lost: the numbers behind it are others.
	w = start(t, again, cfg, parts)
	if err := w.outs.Begin(1); err != nil {
		t.Fatal(err)
	}
	w.must()
	r.want("again what is not sure", "1.1 1", "2.1 1", "3.1 1", "4.1 1", "4.1 1")
	if !strings.Contains(w.log.String(), "sent again") {
		t.Errorf("it is not told:\n%s", w.log)
	}
}

// What the ledger had to let go before it was sent is counted.
func TestLost(t *testing.T) {
	l := ledger.New(ledger.Config{Max: 3})
	cfg := one(forward.Output{File: forward.FileConfig{Path: filepath.Join(t.TempDir(), "records")}, DropPathPrefixes: []string{"/data/2"}})
	w := start(t, l, cfg, forward.Parts{Dir: t.TempDir()})
	put(l, 1, 1)
	w.must()
	put(l, 1, 2, 3, 4, 5, 6) // 1 was sent, 2 is left out, 3 is lost
	w.wantCounts(map[string]float64{"lost_total": 1, "waiting": 3})
	l.FreeBefore(1 << 40)
	w.wantCounts(map[string]float64{"lost_total": 4, "waiting": 0})
}

func TestCheck(t *testing.T) {
	f := func(name string, o forward.Output, want ...string) {
		t.Helper()
		var got []string
		for _, p := range o.Check(name) {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	file := forward.FileConfig{Path: "f"}
	f("a-b_C1", forward.Output{Form: "go", File: file})
	f("a.b", forward.Output{Form: "go", File: file}, `: "a.b" is not a name of letters, digits, - and _`)
	f("a", forward.Output{File: file}, "form: is not there: go, python or wlcg")
	f("a", forward.Output{Form: "go"}, ": goes nowhere: one of file, url, subject and exchange must be there")
	f("a", forward.Output{Form: "go", File: file, NATS: forward.NATSConfig{Subject: "s"}},
		": only one of file, subject can be where it goes")
	f("a", forward.Output{Form: "go", HTTP: forward.HTTPConfig{URL: "ftp://x"}}, `url: "ftp://x" is not http://… or https://…`)
	f("a", forward.Output{Form: "go", HTTP: forward.HTTPConfig{URL: "http://u:p@x"}},
		"url: a password in a URL would be shown; use token_file")
	f("a", forward.Output{Form: "go", NATS: forward.NATSConfig{Subject: "a.*"}}, `subject: "a.*" is not a subject to publish to`)
	f("a", forward.Output{Form: "go", File: forward.FileConfig{Path: "f", MaxBytes: -1}}, "max_bytes: -1 is less than 0")
	if got := (forward.Config{Hold: 2 * time.Hour}).Check(); len(got) != 1 || got[0].Key != "hold" {
		t.Errorf("got %v, want a problem of hold", got)
	}
	if got := forward.Default().Check(); len(got) > 0 {
		t.Errorf("got %v of the default", got)
	}
}

// An output without a broker cannot be made.
func TestNoBroker(t *testing.T) {
	for _, o := range []forward.Output{{NATS: forward.NATSConfig{Subject: "s"}}, {AMQP: forward.AMQPConfig{Exchange: "x"}}} {
		if _, err := tryStart(t, ledger.New(ledger.Config{}), one(o), forward.Parts{Dir: t.TempDir()}); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
