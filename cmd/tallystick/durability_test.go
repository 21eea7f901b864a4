package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sequence is a server that is stopped, or crashes, and is started again: what
// cc-metric-store loses data by, or does not survive.
type sequence struct {
	*served
	now int64
}

func (s *sequence) start() {
	s.t.Helper()
	s.served = serveIn(s.t, "--set", "ingest.learn.step=60s", "--set", "checkpoint.every=1h")
}

func (s *sequence) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// crash goes on with what is on the disk at this instant, as after kill -9.
func (s *sequence) crash() {
	s.t.Helper()
	then := s.t.TempDir()
	if err := os.CopyFS(then, os.DirFS(".")); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(then, "checkpoints", "key.pem"), 0o600); err != nil { // CopyFS opens it to all
		s.t.Fatal(err)
	}
	s.stop()
	s.t.Chdir(then)
	s.start()
}

// write writes a sample for each of some hosts, so many minutes ago.
func (s *sequence) write(hosts, ago int, value float64) {
	s.t.Helper()
	var b bytes.Buffer
	for h := range hosts {
		fmt.Fprintf(&b, "load,cluster=c,hostname=h%d value=%v %d\n", h, value, s.now-int64(ago)*60)
	}
	s.post(b.Bytes())
}

func (s *sequence) post(lines []byte) {
	s.t.Helper()
	if got := s.send(lines); got != http.StatusNoContent {
		s.t.Errorf("write: got %d, want 204", got)
	}
}

func (s *sequence) send(lines []byte) (status int) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/api/v1/write", bytes.NewReader(lines))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// ask returns all samples.
func (s *sequence) ask() string {
	s.t.Helper()
	return string(s.do(http.MethodPost, "/api/v1/query", []byte(`{"from":1,"to":4000000000,"levels":[{"cluster":"*","node":"*"}]}`)))
}

// same does something that must change no answer.
func (s *sequence) same(what string, do func()) {
	s.t.Helper()
	want := s.ask()
	do()
	if got := s.ask(); got != want {
		s.t.Errorf("%s: got %s, want %s", what, got, want)
	}
}

// damage changes the newest file that matches.
func damage(t *testing.T, pattern string, change func(b []byte) []byte) {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Fatalf("nothing is %s", pattern)
	}
	path := all[len(all)-1]
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSequences(t *testing.T) {
	f := func(name string, run func(s *sequence)) {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			s := &sequence{served: &served{t: t}, now: time.Now().Unix()}
			s.served = serveIn(t, "--set", "ingest.learn.step=60s", "--set", "checkpoint.every=1h")
			run(s)
			s.stop()
		})
	}
	f("crash, restart, a new sample of each host, stop, restart", func(s *sequence) {
		for i := range 30 {
			s.write(4, 30-i, float64(i))
		}
		s.same("crash", s.crash)
		s.write(4, 0, 7)
		s.same("stop", s.restart)
	})
	f("crash right after the answer", func(s *sequence) {
		s.write(4, 0, 1)
		s.same("crash", s.crash)
	})
	f("up for longer than the retention, with one checkpoint", func(s *sequence) {
		s.write(4, 6*24*60, 1) // older than any checkpoint, younger than the retention
		s.write(4, 0, 1)
		s.same("stop", s.restart)
		s.same("stop again", s.restart)
	})
	f("a file of a checkpoint is cut", func(s *sequence) {
		s.write(200, 0, 1)
		s.stop()
		damage(s.t, "checkpoints/0*/samples-c.avro", func(b []byte) []byte { return b[:len(b)-30] })
		s.start() // it does
		if got := s.ask(); !strings.Contains(got, `"h0"`) || strings.Contains(got, `"h99"`) {
			s.t.Errorf("got %s, want all but those of the block that is cut", got)
		}
	})
	f("one byte of the log is flipped", func(s *sequence) {
		for i := range 20 {
			s.write(1, 20-i, 1)
		}
		damage(s.t, "checkpoints/log/*.wal", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		s.crash()
		if values := s.ask(); strings.Count(values, "null") != 1 {
			s.t.Errorf("got %s, want all samples but one", values)
		}
		s.stop() // which saves, and has the log forget what it had
		if aside, _ := filepath.Glob("checkpoints/log/quarantine/*.wal"); len(aside) != 1 {
			s.t.Errorf("set aside: got %v, want the segment that is damaged", aside)
		}
		s.start()
	})
	f("a stray file in the folder", func(s *sequence) {
		s.write(4, 0, 1)
		for _, name := range []string{"checkpoints/x", "checkpoints/log/x", "checkpoints/00000009-1"} {
			if err := os.WriteFile(name, []byte("stray"), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
		s.same("crash", s.crash)
		s.same("stop", s.restart)
	})
	f("several write at once", func(s *sequence) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 50 {
					s.post(fmt.Appendf(nil, "load,cluster=c,hostname=w%d value=%d %d\n", w, i, s.now-int64(60*i)))
				}
			})
		}
		wg.Wait()
		s.same("crash", s.crash)
		if got := strings.Count(s.ask(), "null"); got != 0 {
			s.t.Errorf("%d samples are not there", got)
		}
	})
	f("names that lead nowhere", func(s *sequence) {
		s.write(1, 0, 1)
		for _, line := range []string{"load,cluster=,hostname=h value=1", "load,cluster=..,hostname=h value=1", "load,cluster=c,hostname=../x value=1"} {
			if got := s.send([]byte(line)); got != http.StatusBadRequest {
				s.t.Errorf("%s: got %d, want 400", line, got)
			}
		}
		s.same("crash", s.crash)
		s.same("stop", s.restart)
	})
	f("what was freed comes back", func(s *sequence) {
		s.write(2, 6*24*60, 1)
		s.restart() // it is in a checkpoint
		s.do(http.MethodPost, fmt.Sprintf("/api/free?to=%d", s.now-3600), []byte(`[["c","h0"]]`))
		if got := s.ask(); strings.Contains(got, `"h0"`) || !strings.Contains(got, `"h1"`) {
			s.t.Errorf("freed h0: got %s", got)
		}
		s.same("crash", s.crash)
		s.same("stop", s.restart)
		s.same("stop again", s.restart)
	})
	f("half a step late, with one digit", func(s *sequence) {
		s.write(1, 3, 0.04)
		s.write(1, 1, 1.0/3)
		s.same("stop", s.restart)
		if got := s.ask(); !strings.Contains(got, "0.04") || !strings.Contains(got, "0.3333333333333333") ||
			!strings.Contains(got, fmt.Sprintf(`"from":%d`, (s.now-180)/60*60)) {
			s.t.Errorf("got %s", got)
		}
	})
}
