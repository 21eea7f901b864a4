//go:build e2e

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tallystick/internal/transfer"
)

// An outgoing is what matters here of a record.
type outgoing struct {
	ID       string `json:"tallystick_id"`
	Revision int    `json:"tallystick_revision"`
	Read     int64  `json:"read"`
}

// outgoings returns the records on lines.
func outgoings(t *testing.T, lines []byte) (all []outgoing) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var o outgoing
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, o)
	}
	return all
}

// TestCrashOut kills the process at random instants while records go out: each transfer
// that ended is in the file, once for each revision, with the bytes that it has in the end;
// and who takes records by HTTP has all of them too.
//
// CRASH is how many rounds, CRASH_SEED repeats the choices of a run.
func TestCrashOut(t *testing.T) {
	seed := number("CRASH_SEED", time.Now().UnixNano())
	t.Logf("CRASH_SEED=%d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 7))
	var mu sync.Mutex
	var posted []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return // the process died
		}
		mu.Lock()
		defer mu.Unlock()
		posted = append(posted, b...)
	}))
	defer receiver.Close()
	h := newHome(t)
	out := filepath.Join(h.dir, "out.ndjson")
	text, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(bytes.ReplaceAll(text, []byte("hold: 3s"), []byte("hold: 1s")), `
checkpoint: {every: 9s}
records: {hold: 1s, outputs: {f: {form: go, file: %q}, h: {form: go, url: %q}}}
`, out, receiver.URL)
	if err := os.WriteFile(h.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	plays := newPlays(t, time.Now().Unix()-24*3600, "s03_concurrent_users", "s01_full_reads", "s06_killed_longlived", "s05_failures_names")
	p := start(t, h)
	var log strings.Builder
	for range number("CRASH", 12) {
		newSender(t, p).all(t, "/api/v1/packets", plays.next(40))
		time.Sleep(time.Duration(r.Int64N(int64(6 * time.Second))))
		p.kill()
		log.WriteString(p.output())
		p = start(t, h)
	}
	p.settled("/api/v1/transfers")
	p.poll(time.Minute, "nothing left to send", func() bool {
		metrics := string(p.get("/metrics", "text/plain"))
		return strings.Count(metrics, "\ntallystick_records_waiting{") == 2 && strings.Count(metrics, "tallystick_records_waiting{output=\"f\"} 0\n") == 1 &&
			strings.Contains(metrics, "tallystick_records_waiting{output=\"h\"} 0\n")
	})
	var page struct{ Transfers []transfer.Transfer }
	if err := json.Unmarshal(p.get("/api/v1/transfers?limit=10000", "application/json"), &page); err != nil {
		t.Fatal(err)
	}
	log.WriteString(p.output())
	p.terminate()
	want := make(map[string]int64)
	for _, x := range page.Transfers {
		if x.End != transfer.Open {
			want[x.ID] = x.Bytes.Read
		}
	}
	lines, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	twice := checkOut(t, "the file", outgoings(t, lines), want)
	if len(twice) > 0 {
		t.Errorf("the file has %q twice", twice)
	}
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%d transfers; by HTTP %d records came twice", len(want), len(checkOut(t, "the receiver", outgoings(t, posted), want)))
	if strings.Contains(log.String(), "sent again") {
		t.Errorf("something is sent again, although nothing of the log is lost:\n%s", log.String())
	}
}

// checkOut holds that the last revision of each transfer is as it is in the end, and
// returns what came twice.
func checkOut(t *testing.T, what string, got []outgoing, want map[string]int64) (twice []string) {
	t.Helper()
	last, seen := make(map[string]outgoing), make(map[string]bool)
	for _, o := range got {
		name := o.ID + "." + strconv.Itoa(o.Revision)
		if seen[name] {
			twice = append(twice, name)
		}
		seen[name] = true
		if o.Revision >= last[o.ID].Revision {
			last[o.ID] = o
		}
	}
	var missing []string
	for id, read := range want {
		if o, ok := last[id]; !ok || o.Read != read {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 || len(last) != len(want) {
		t.Errorf("%s has %d transfers, want %d; %d are missing, or have other bytes: %.300q", what, len(last), len(want), len(missing), missing)
	}
	return twice
}
