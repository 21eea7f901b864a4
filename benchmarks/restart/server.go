package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tallystick/benchmarks/process"
)

// A server is the binary, running on the data folder.
type server struct {
	*process.Process

	url    string
	config string
}

// start starts the server. It saves nothing: what it takes stays in the log.
func (b *bench) start(ctx context.Context) (*server, error) {
	addr, err := process.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	var yaml bytes.Buffer
	fmt.Fprintf(&yaml, "development: true\ndata_dir: %q\nhttp: {listen: %q}\nudp: {listen: []}\nstore: {max_bytes: 0}\n", b.dir, addr)
	fmt.Fprintf(&yaml, "checkpoint: {every: 10h, log_bytes: 100000000000}\nmetrics:\n")
	for _, m := range metrics() {
		fmt.Fprintf(&yaml, "  %s: {step: %ds, aggregation: avg}\n", m.Name, step)
	}
	s := &server{url: "http://" + addr, config: filepath.Join(b.dir, "restart.yaml")}
	if err := os.WriteFile(s.config, yaml.Bytes(), 0o600); err != nil {
		return nil, err
	}
	s.Process, err = process.Start(exec.CommandContext(ctx, b.bin, "serve", "--config", s.config), filepath.Join(b.dir, "log.txt"))
	return s, err
}

func takesIn(body string) bool { return strings.Contains(body, `"ready":true`) }

func allBack(body string) bool { return takesIn(body) && !strings.Contains(body, "samples_since") }

// wait asks /readyz until the answer is as wanted.
func (s *server) wait(ctx context.Context, done func(body string) bool) error {
	ctx, stop := context.WithTimeout(ctx, 5*time.Minute)
	defer stop()
	return s.Poll(ctx, func() bool {
		res, err := http.Get(s.url + "/readyz") //nolint:noctx // on this machine
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return err == nil && done(string(body))
	})
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

func (b *bench) token(ctx context.Context, s *server) (string, error) {
	out, err := exec.CommandContext(ctx, b.bin, "token", "--config", s.config, "--role", "admin", "--subject", "restart").Output()
	return strings.TrimSpace(string(out)), err
}

// log has a server take the samples that are to be in the log, and kills it.
func (b *bench) log(ctx context.Context) error {
	s, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer s.Kill()
	if err := s.wait(ctx, allBack); err != nil {
		return err
	}
	token, err := b.token(ctx, s)
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
func (b *bench) restart(ctx context.Context) error {
	s, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer s.Kill()
	for _, until := range []struct {
		what string
		done func(body string) bool
	}{{"takes in", takesIn}, {"everything is back", allBack}} {
		if err := s.wait(ctx, until.done); err != nil {
			return err
		}
		wall, used := time.Since(s.Began), s.Usage()
		fmt.Printf("%-20s %8.2f s  %6.2f CPU-s  %6d MiB at most\n", until.what, wall.Seconds(), used.CPU.Seconds(), used.Peak>>20)
	}
	return b.check(ctx, s)
}

// check asks how many samples there are.
func (b *bench) check(ctx context.Context, s *server) error {
	token, err := b.token(ctx, s)
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
