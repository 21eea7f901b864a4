package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallystick/benchmarks/process"
	engine "tallystick/internal/shovel"
)

// A shovel is the process that is measured.
type shovel struct {
	*process.Process

	udp     string // where it receives
	metrics string // where it is asked
}

// startShovel starts a shovel that sends to url, and waits until it answers. It has the core of that number for its
// own threads; below 0 all.
func startShovel(ctx context.Context, bin string, core int, dir, url string) (*shovel, error) {
	s := &shovel{}
	var err error
	if s.udp, err = process.FreeAddr(ctx); err != nil {
		return nil, err
	}
	if s.metrics, err = process.FreeAddr(ctx); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(s.metrics)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("queue_directory: %s\nudp: {listen: [%q]}\nmetrics: {ip: 127.0.0.1, port: %s}\nto: {bench: {http: {url: %q}}}\n",
		filepath.Join(dir, "queue"), s.udp, port, url)
	file := filepath.Join(dir, "shovel.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	args := []string{bin, "shovel", "--config", file}
	if filepath.Base(bin) == "tallystick-shovel" {
		args = slices.Delete(args, 1, 2) // there is nothing else in it
	}
	if core >= 0 {
		args = append([]string{"taskset", "-c", strconv.Itoa(core)}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	if s.Process, err = process.Start(cmd, filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	if err := s.Poll(ctx, func() bool { _, err := s.status(ctx); return err == nil }); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// status asks how it is doing.
func (s *shovel) status(ctx context.Context) (st engine.Status, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.metrics+"/status", nil)
	if err != nil {
		return st, err
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return st, err
	}
	defer res.Body.Close()
	return st, json.NewDecoder(res.Body).Decode(&st)
}

// queued returns how many datagrams have ever come into its queue, and how many of them wait.
func (s *shovel) queued(ctx context.Context) (all, waiting uint64, err error) {
	st, err := s.status(ctx)
	if err != nil {
		return 0, 0, err
	}
	if len(st.Outputs) != 1 {
		return 0, 0, fmt.Errorf("it has %d outputs, want 1", len(st.Outputs))
	}
	return st.Queue.Next - 1, st.Outputs[0].Waiting, nil
}

// dropped returns how many datagrams the kernel has dropped since it had no room for them at the shovel's socket: the last
// column of /proc/net/udp (proc_pid_net(5)).
func (s *shovel) dropped() (n int64) {
	_, port, _ := net.SplitHostPort(s.udp)
	number, _ := strconv.Atoi(port)
	local := fmt.Sprintf(":%04X", number)
	table, _ := os.ReadFile("/proc/net/udp")
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 12 && strings.HasSuffix(f[1], local) {
			drops, _ := strconv.ParseInt(f[len(f)-1], 10, 64)
			n += drops
		}
	}
	return n
}
