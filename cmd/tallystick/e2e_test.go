//go:build e2e

// The end-to-end tests run the real binary: against real xrootd servers and
// clients (testdata/live), and against recorded packets over real UDP.
package main_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
	"tallystick/internal/xrootd"
)

// TestVersion would fail if the name in the Makefile's -X were misspelled:
// the linker says nothing of that.
func TestVersion(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), binary, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out); !strings.Contains(got, version) {
		t.Errorf("got version %q, want one with %q", got, version)
	}
}

// TestLive runs two real servers and eight real clients, posts what the clients
// really did as claims, and reads the report: each access has its verdict.
func TestLive(t *testing.T) {
	needXRootD(t)
	p := start(t, newHome(t))
	truth := runFixture(t, p.udp)
	claims := capture.Claims("live", truth)
	if got, want := len(claims), 8*6; got != want {
		t.Fatalf("the fixture made %d accesses, want %d", got, want)
	}
	res := p.postClaims(claims)
	if res.Accepted != len(claims) || res.Rejected != 0 {
		t.Fatalf("posted %d claims, got %+v", len(claims), res)
	}

	raw := p.settled("/api/v1/validation?run=live")
	var report validate.Report
	decode(t, raw, &report)
	t.Logf("%+v", report.Totals)
	checkVerdicts(t, report, claims)
	checkSums(t, report, p.transfers())

	transfers := p.get("/api/v1/transfers", "application/x-ndjson")
	p = p.restart()
	if got := p.get("/api/v1/validation?run=live", "application/json"); !bytes.Equal(got, raw) {
		t.Errorf("the report after a restart differs (-before +after):\n%s", cmp.Diff(string(raw), string(got)))
	}
	if got := p.get("/api/v1/transfers", "application/x-ndjson"); !bytes.Equal(got, transfers) {
		t.Errorf("the transfers after a restart differ (-before +after):\n%s", cmp.Diff(string(transfers), string(got)))
	}
}

// checkVerdicts lays the report beside the claims it was made for.
func checkVerdicts(t *testing.T, r validate.Report, claims []*transfer.Claim) {
	t.Helper()
	verdicts := make(map[string][]transfer.Verdict)
	for _, v := range r.Verdicts {
		if v.Claim == nil {
			t.Errorf("no client claims %+v", v.Transfers)
			continue
		}
		verdicts[v.Claim.Key()] = append(verdicts[v.Claim.Key()], v)
	}
	for _, c := range claims {
		vs := verdicts[c.Key()]
		if len(vs) != 1 {
			t.Errorf("%s: %d verdicts, want 1", c.Key(), len(vs))
			continue
		}
		v := vs[0]
		if want := wantKind(c); v.Kind != want || v.Kind == transfer.Differ && v.Monitored != c.Asked {
			t.Errorf("%s: verdict %s, want %s: the client asked for %+v and got %+v, the server says %+v",
				c.Key(), v.Kind, want, c.Asked, c.Received, v.Monitored)
		}
	}
}

// wantKind is the verdict that a claim of the fixture must get. Nothing is lost
// on loopback, so the servers' account differs only where XRootD counts what
// was asked for and the client got less: in reads past the end of a file, and
// in vector reads with a piece twice, of which the client rejects the answer.
func wantKind(c *transfer.Claim) transfer.Kind {
	switch {
	case c.Outcome != transfer.OK:
		return transfer.Fail
	case c.Received != nil && *c.Received != c.Asked:
		return transfer.Differ
	}
	return transfer.Match
}

// checkSums compares the report's bytes with the sums over the transfers.
func checkSums(t *testing.T, r validate.Report, transfers []transfer.Transfer) {
	t.Helper()
	want := make(map[string]transfer.Bytes)
	var all transfer.Bytes
	for i := range transfers {
		x := &transfers[i]
		want[x.Server] = want[x.Server].Plus(x.Bytes)
		all = all.Plus(x.Bytes)
	}
	got := make(map[string]transfer.Bytes)
	for _, g := range r.Servers {
		if g.Transfers > 0 {
			got[g.Name] = g.Monitored
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 2 {
		t.Errorf("bytes of two servers (-transfers +report):\n%s", diff)
	}
	if got := r.Totals.Monitored; got != all || all.Total() == 0 {
		t.Errorf("the report has %+v in all, the transfers have %+v", got, all)
	}
}

// TestRestartInTheMiddle plays a capture over UDP, once in one go and once with
// a SIGTERM and a restart in its middle: the transfers must be the same.
func TestRestartInTheMiddle(t *testing.T) {
	for _, name := range []string{"s03_concurrent_users", "s06_killed_longlived"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits nearly all of its time
			c, err := capture.Load(os.DirFS("../../internal/capture/testdata"), name)
			if err != nil {
				t.Fatal(err)
			}
			toNow(t, c.Packets)
			whole := start(t, newHome(t))
			whole.send(c.Packets)

			broken := start(t, newHome(t))
			half := len(c.Packets) / 2
			broken.send(c.Packets[:half])
			broken = broken.restart()
			broken.send(c.Packets[half:])

			want := whole.settled("/api/v1/transfers")
			got := broken.settled("/api/v1/transfers")

			if got, want := len(whole.transfers()), len(c.Sessions); got != want {
				t.Errorf("%d transfers, the reference decoder has %d", got, want)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("transfers (-in one go +with a restart):\n%s", diff)
			}
			if diff := cmp.Diff(whole.samples(), broken.samples()); diff != "" {
				t.Errorf("samples (-in one go +with a restart):\n%s", diff)
			}
		})
	}
}

// TestSuspend does what Ctrl-Z and fg do: the process saves and stops, and goes on.
func TestSuspend(t *testing.T) {
	c, err := capture.Load(os.DirFS("../../internal/capture/testdata"), "s01_full_reads")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, newHome(t))
	p.send(c.Packets)
	if err := p.cmd.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	p.poll(10*time.Second, "stopped", func() bool { return p.state() == "T" })
	if saved, err := filepath.Glob(filepath.Join(p.dir, "0*", "meta.json")); err != nil || len(saved) != 1 {
		t.Errorf("stopped with %d checkpoints, want 1 (%v)", len(saved), err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.waitReady()
	p.settled("/api/v1/transfers")
	if got, want := len(p.transfers()), len(c.Sessions); got != want {
		t.Errorf("continued with %d transfers, want %d", got, want)
	}
	p.terminate()
}

// TestDemo does what `make run` does: it shows the report within a minute, and
// stays up until it is told to stop.
func TestDemo(t *testing.T) {
	h := newHome(t)
	p := launch(t, h, "serve", "--demo", "--set", "data_dir="+h.dir, "--set", "http.listen="+h.http, "--set", "udp.listen="+h.udp)
	out := p.waitOutput(time.Minute, "The same as JSON")
	// Eight clients made 80 accesses: two opens failed, four reads went past the end of a file.
	for _, want := range []string{"Development mode", "claims", "match", "80", "74"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in what the demo shows:\n%s", want, out)
		}
	}
	p.waitReady()
	p.terminate()
}

// toNow moves recorded packets in time, as if the last had been sent just now,
// so that the test says the same on every day.
func toNow(t *testing.T, packets []capture.Packet) {
	t.Helper()
	by := time.Now().Unix() - int64(packets[len(packets)-1].Time)
	for i := range packets {
		if err := xrootd.Shift(packets[i].Data, by); err != nil && !errors.Is(err, xrootd.ErrText) {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
}

// needXRootD skips where there is no xrootd; in CI there must be one.
func needXRootD(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("xrootd")
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal("no xrootd here: testdata/live/setup.sh installs it")
	default:
		t.Skip("no xrootd here: testdata/live/setup.sh installs it")
	}
}

// runFixture starts servers that report to mon, and clients on them, and
// returns what they really did once all have ended.
func runFixture(t *testing.T, mon string) *capture.Truth {
	t.Helper()
	return fixture(t, "run", "--servers", "2", "--clients", "8", "--files", "20", "--ops", "6", "--seed", "1", "--mon", mon)
}

// fixture runs a command of testdata/live/xrdfix.py and returns its truth.
func fixture(t *testing.T, args ...string) *capture.Truth {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args = append([]string{"../../testdata/live/xrdfix.py"}, args...)
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", append(args, "--truth", filepath.Join(dir, "truth.json"))...)
	// Interrupted, it stops its servers and clients, and only then itself.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("fixture: %v\n%s", err, out)
	}
	c, err := capture.Load(os.DirFS(dir), ".")
	if err != nil {
		t.Fatal(err)
	}
	return c.Truth
}
