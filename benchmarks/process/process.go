// Package process runs servers as processes of their own, on this machine, and measures
// them: their processor time, memory and files. It reads /proc, which is Linux's.
package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Process is a server that runs.
type Process struct {
	Began time.Time

	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
	err  error         // how; there once done is closed
}

// Start starts a server. What it says goes behind what is in the file log.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	p := &Process{Began: time.Now(), cmd: cmd, log: log, done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Kill ends it as kill -9 does. It may have ended already.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Stop ends it in order, and returns what it had used when it was last seen.
func (p *Process) Stop(ctx context.Context) (last Usage, err error) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return last, err
	}
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		if u := p.Usage(); u.CPU > 0 {
			last = u
		}
		select {
		case <-p.done:
			return last, nil
		case <-ctx.Done():
			p.Kill()
			return last, fmt.Errorf("it does not stop: %w", ctx.Err())
		case <-t.C:
		}
	}
}

// Poll calls done, each 5 ms, until it returns true or the process ends.
func (p *Process) Poll(ctx context.Context, done func() bool) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for !done() {
		select {
		case <-p.done:
			return fmt.Errorf("it has ended: %w; its last words:\n%s", cmp.Or(p.err, errZero), p.LastWords())
		case <-ctx.Done():
			return fmt.Errorf("%w; its last words:\n%s", ctx.Err(), p.LastWords())
		case <-t.C:
		}
	}
	return nil
}

var errZero = errors.New("exit status 0")

// LastWords is the end of what the process has said.
func (p *Process) LastWords() string {
	text, _ := os.ReadFile(p.log) // without it there are none
	return string(text[max(0, len(text)-2000):])
}

// Usage is what a process has used.
type Usage struct {
	CPU  time.Duration // of all its threads, in steps of 10 ms
	RSS  int64         // bytes of memory it has now
	Own  int64         // of them, those that are no file's, as the binary's are
	Peak int64         // the most it has had
}

// ticks are the clock ticks of a second in /proc/PID/stat: USER_HZ, which is 100 on all
// that Linux runs on (proc_pid_stat(5)).
const ticks = 100

// Usage returns what the process has used, nothing if it has ended.
func (p *Process) Usage() (u Usage) {
	dir := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	stat, _ := os.ReadFile(dir + "stat") // of one that has ended there is none
	_, rest, _ := strings.Cut(string(stat), ") ")
	if f := strings.Fields(rest); len(f) > 12 {
		u.CPU = time.Duration(number(f[11])+number(f[12])) * time.Second / ticks
	}
	status, _ := os.ReadFile(dir + "status")
	for line := range strings.Lines(string(status)) {
		switch f := strings.Fields(line); {
		case len(f) < 2:
		case f[0] == "VmRSS:":
			u.RSS = number(f[1]) << 10
		case f[0] == "RssAnon:":
			u.Own = number(f[1]) << 10
		case f[0] == "VmHWM:":
			u.Peak = number(f[1]) << 10
		}
	}
	return u
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // the kernel writes numbers
	return n
}

// FreeAddr returns an address of this machine at which nobody listens.
func FreeAddr(ctx context.Context) (string, error) {
	var c net.ListenConfig
	ln, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// DiskUse returns the bytes that the files below a folder take on the disk, as du does.
func DiskUse(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return nil
		}
		var info fs.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			n += s.Blocks * 512
		}
		return nil
	})
	return n, err
}
