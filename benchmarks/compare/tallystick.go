package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tallystick/benchmarks/workload"
)

// A tallystick is this project's server, as an operator runs it: with a key, the log
// on, and everything else at its default.
type tallystick struct {
	token  string
	broker string        // its URL, if it is to take from one
	every  time.Duration // how often a checkpoint is saved, if not as it comes
}

func (t *tallystick) command(ctx context.Context, at place, w *workload.Workload) (*exec.Cmd, error) {
	var yaml strings.Builder
	fmt.Fprintf(&yaml, "data_dir: %q\nhttp: {listen: %q}\nudp: {listen: []}\nauth: {key_file: %q}\nmetrics:\n",
		at.dir, at.addr, filepath.Join(at.conf, "key.pem"))
	node, part := w.Columns()
	for _, s := range append(node, part...) {
		fmt.Fprintf(&yaml, "  %s: {step: %ds, aggregation: avg}\n", s.Metric(), w.Step())
	}
	cache := max(256<<20, 300*w.Series()) // as configs/tallystick.yaml says
	fmt.Fprintf(&yaml, "ingest: {fields: all, key_cache: %d}\n", cache)
	if t.every > 0 {
		fmt.Fprintf(&yaml, "checkpoint: {every: %v, log_bytes: %d}\n", t.every, 1<<40)
	}
	if t.broker != "" {
		fmt.Fprintf(&yaml, "nats:\n  urls: [%q]\n  subscriptions: {compare: {subject: %s, stream: %s, max_bytes: %d, precision: s}}\n",
			t.broker, busSubject, busStream, busBytes)
	}
	config := filepath.Join(at.conf, "tallystick.yaml")
	if err := os.WriteFile(config, []byte(yaml.String()), 0o600); err != nil {
		return nil, err
	}
	var problem strings.Builder
	cmd := exec.CommandContext(ctx, at.bin, "token", "--config", config, "--role", "admin", "--subject", "compare")
	cmd.Stderr = &problem
	token, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("make token: %w: %s", err, &problem)
	}
	t.token = strings.TrimSpace(string(token))
	return exec.CommandContext(ctx, at.bin, "serve", "--config", config), nil
}

func (*tallystick) begin() []request { return nil }

func (*tallystick) ready() request { return get("/readyz") }

func (*tallystick) takes(string) string { return "" }

func (*tallystick) encode(dst []byte, w *workload.Workload, batch []workload.Ref) []byte {
	return w.AppendLines(dst, batch)
}

func (t *tallystick) write(body []byte) request {
	return request{http.MethodPost, "/api/v1/write?fields=all&precision=s", t.head(), body}
}

func (t *tallystick) head() map[string]string {
	return map[string]string{"Authorization": "Bearer " + t.token, "Content-Type": "application/json"}
}

func (t *tallystick) ask(w *workload.Workload, q question) (request, bool) {
	level := map[string]string{"cluster": workload.Cluster}
	switch {
	case q.node >= 0:
		level["node"] = q.nodeName(w)
	case !q.average:
		level["node"] = "*"
	}
	if q.parts {
		level["type"], level["type_id"] = "*", "*"
	}
	body, err := json.Marshal(map[string]any{
		"from": w.Begin, "to": w.End(), "metrics": []string{q.series(w).Metric()}, "levels": []any{level}, "aggregation": "avg",
	})
	return request{http.MethodPost, "/api/v1/query", t.head(), body}, err == nil
}

func (*tallystick) read(w *workload.Workload, q question, body []byte) (*answer, error) {
	var got struct {
		Series []struct {
			Level struct {
				Node      string
				Component struct{ Type, ID string }
			}
			Step, From int64
			Values     []*float64
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, err
	}
	a := newAnswer(w, q)
	for _, s := range got.Series {
		put := a.of(s.Level.Node, s.Level.Component.Type, s.Level.Component.ID)
		for i, v := range s.Values {
			if v != nil {
				put(s.From+int64(i)*s.Step, *v)
			}
		}
	}
	return a, nil
}

func (t *tallystick) profile(name string) request {
	return request{http.MethodGet, "/debug/pprof/" + name, t.head(), nil}
}

func (t *tallystick) listen(url string) { t.broker = url }

func (*tallystick) taken(m told) int {
	return int(m.value(`tallystick_nats_answers_total{answer="taken",subscription="compare"}`))
}

func (t *tallystick) saveEvery(d time.Duration) { t.every = d }

func (t *tallystick) metrics() request { return request{http.MethodGet, "/metrics", t.head(), nil} }
