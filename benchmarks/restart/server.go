package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A server is the binary, running on the data folder.
type server struct {
	cmd    *exec.Cmd
	url    string
	config string
	began  time.Time
}

// start starts the server. It saves nothing: what it takes stays in the log.
func (b *bench) start() (*server, error) {
	addr, err := free()
	if err != nil {
		return nil, err
	}
	var yaml bytes.Buffer
	fmt.Fprintf(&yaml, "development: true\ndata_dir: %q\nhttp: {listen: %q}\nudp: {listen: []}\nstore: {max_bytes: 0}\n", b.dir, addr)
	fmt.Fprintf(&yaml, "checkpoint: {every: 10h, log_bytes: 100000000000}\nmetrics:\n")
	for _, m := range metrics() {
		fmt.Fprintf(&yaml, "  %s: {step: %ds, aggregation: avg}\n", m.Name, step)
	}
	s := &server{url: "http://" + addr, config: filepath.Join(b.dir, "restart.yaml"), began: time.Now()}
	if err := os.WriteFile(s.config, yaml.Bytes(), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(b.bin, "serve", "--config", s.config) //nolint:noctx // kill ends it
	s.cmd.Stderr = io.Discard
	return s, s.cmd.Start()
}

// kill ends it as kill -9 does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func free() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func takesIn(body string) bool { return strings.Contains(body, `"ready":true`) }

func allBack(body string) bool { return takesIn(body) && !strings.Contains(body, "samples_since") }

// wait asks /readyz until the answer is as wanted.
func (s *server) wait(done func(body string) bool) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for range 60_000 {
		<-t.C
		res, err := http.Get(s.url + "/readyz") //nolint:noctx // on this machine
		if err != nil {
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil && done(string(body)) {
			return nil
		}
	}
	return errors.New("the server does not come")
}

// post sends a body, and returns the answer.
func (s *server) post(token, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, s.url+path, bytes.NewReader(body)) //nolint:noctx // on this machine
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req) //nolint:forbidigo // a program of its own
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %.300s", path, res.Status, text)
	}
	return text, err
}

func (b *bench) token(s *server) (string, error) {
	out, err := exec.Command(b.bin, "token", "--config", s.config, "--role", "admin", "--subject", "restart").Output() //nolint:noctx // it ends
	return strings.TrimSpace(string(out)), err
}

// log has a server take the samples that are to be in the log, and kills it.
func (b *bench) log() error {
	s, err := b.start()
	if err != nil {
		return err
	}
	defer s.kill()
	if err := s.wait(allBack); err != nil {
		return err
	}
	token, err := b.token(s)
	if err != nil {
		return err
	}
	started := time.Now()
	for first := 0; first < b.series; first += 100 { // a node
		var lines bytes.Buffer
		for series := first; series < min(first+100, b.series); series++ {
			walk(series, b.samples, b.samples+b.logged, func(i int, v float64) {
				fmt.Fprintf(&lines, "metric%d,cluster=site,hostname=node%d,type=hwthread,type-id=%d value=%v %d\n",
					series%10, series/100, series/10%10, v, b.begin+int64(i)*step)
			})
		}
		if _, err := s.post(token, "/api/v1/write", lines.Bytes()); err != nil {
			return err
		}
	}
	n := b.series * b.logged
	fmt.Printf("logged %.1f million more in %v: %.2f bytes in the log for each\n", float64(n)/1e6, time.Since(started).Round(time.Second),
		float64(size(b.dir, "log/*"))/float64(n))
	return nil
}

// restart starts the server and measures.
func (b *bench) restart() error {
	s, err := b.start()
	if err != nil {
		return err
	}
	defer s.kill()
	for _, until := range []struct {
		what string
		done func(body string) bool
	}{{"takes in", takesIn}, {"everything is back", allBack}} {
		if err := s.wait(until.done); err != nil {
			return err
		}
		wall := time.Since(s.began)
		cpu, peak := usage(s.cmd.Process.Pid)
		fmt.Printf("%-20s %8.2f s  %6.2f CPU-s  %6d MiB at most\n", until.what, wall.Seconds(), cpu, peak>>20)
	}
	return b.check(s)
}

// check asks how many samples there are.
func (b *bench) check(s *server) error {
	token, err := b.token(s)
	if err != nil {
		return err
	}
	got := 0
	for node := 0; node < (b.series+99)/100; node += 50 {
		names := make([]string, 0, 50)
		for n := node; n < min(node+50, (b.series+99)/100); n++ {
			names = append(names, strconv.Quote("node"+strconv.Itoa(n)))
		}
		text, err := s.post(token, "/api/v1/query", fmt.Appendf(nil,
			`{"from":0,"to":9000000000,"data":false,"stats":true,"levels":[{"cluster":"site","node":[%s],"type":"hwthread","type_id":"*"}]}`,
			strings.Join(names, ",")))
		if err != nil {
			return err
		}
		var answer struct {
			Series []struct{ Stats struct{ Count int } }
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return err
		}
		for _, series := range answer.Series {
			got += series.Stats.Count
		}
	}
	if want := b.series * (b.samples + b.logged); got != want {
		return fmt.Errorf("%d samples are back, want %d", got, want)
	}
	fmt.Printf("all %d samples are there\n", got)
	return nil
}

// usage returns the processor seconds of a process, and its peak memory in bytes.
func usage(pid int) (cpu float64, peak int64) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) > 12 {
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		cpu = (user + system) / 100
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ = strings.Cut(string(status), "VmHWM:")
	if f := strings.Fields(rest); len(f) > 0 {
		kb, _ := strconv.ParseInt(f[0], 10, 64)
		peak = kb << 10
	}
	return cpu, peak
}
