package retain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tallystick/internal/selector"
)

// JobsConfig is where to ask for the nodes of running jobs, whose samples are
// kept longer than those of others.
type JobsConfig struct {
	URL       string        `koanf:"url"`        // of cc-backend, such as https://cc.example.org; empty: nowhere
	TokenFile string        `koanf:"token_file"` // with a token of cc-backend's API; read each time
	Clusters  []string      `koanf:"clusters"`   // patterns of those whose jobs it knows; empty: all
	Max       time.Duration `koanf:"max"`        // how long samples are kept for a job; default 30 days
}

const (
	// DefaultJobs is the default of JobsConfig.Max.
	DefaultJobs = 30 * 24 * time.Hour

	askTime   = 10 * time.Second
	maxAnswer = 64 << 20 // bytes: 100,000 nodes are 3 MB
	maxToken  = 64 << 10
)

// Jobs knows which nodes run jobs. It asks cc-backend:
//
//	GET <url>/api/jobs/used_nodes?ts=<Unix second>
//	Authorization: Bearer <token>
//
//	{"usedNodes": {"cluster": ["node", …]}}
//
// which are the nodes of jobs that began before that second and run still; the
// map alone is understood too. As long as there is no answer, all nodes of its
// clusters count as used: a provider that fails costs memory, and no data.
type Jobs struct {
	cfg    JobsConfig
	client *http.Client
	log    *slog.Logger

	mu    sync.RWMutex
	nodes map[string]map[string]bool // by cluster, as last told
	told  string                     // the error of the last time; empty: it answered

	asked, failed, last atomic.Int64
}

// NewJobs returns Jobs that has not asked yet.
func NewJobs(cfg JobsConfig, client *http.Client, log *slog.Logger) *Jobs {
	return &Jobs{cfg: cfg, client: client, log: log, told: "not asked yet"}
}

// JobsStats says how asking went.
type JobsStats struct {
	Up     bool  // the last answer was good
	Last   int64 // Unix second of the newest good answer; 0: none
	Asked  int64
	Failed int64
	Nodes  int // in the newest good answer
}

// Stats returns the present numbers.
func (j *Jobs) Stats() JobsStats {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := JobsStats{Up: j.told == "", Last: j.last.Load(), Asked: j.asked.Load(), Failed: j.failed.Load()}
	for _, nodes := range j.nodes {
		s.Nodes += len(nodes)
	}
	return s
}

// Uses reports whether a job that needs old samples may run on the node.
func (j *Jobs) Uses(node selector.Path) bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.nodes[node.Cluster][node.Node] {
		return true
	}
	return j.told != "" && j.knows(node.Cluster)
}

func (j *Jobs) knows(cluster string) bool {
	return len(j.cfg.Clusters) == 0 ||
		slices.ContainsFunc(j.cfg.Clusters, func(p string) bool { return match(p, cluster) })
}

// Ask asks for the nodes of jobs that began before the time. The error is in the
// log too, once for each other one.
func (j *Jobs) Ask(ctx context.Context, now, before time.Time) error {
	j.asked.Add(1)
	nodes, err := j.get(ctx, before)
	j.mu.Lock()
	defer j.mu.Unlock()
	told := ""
	if err != nil {
		told = err.Error()
		j.failed.Add(1)
	} else {
		j.nodes = nodes
		j.last.Store(now.Unix())
	}
	if told != j.told {
		j.tell(err)
	}
	j.told = told
	return err
}

func (j *Jobs) tell(err error) {
	if err != nil {
		j.log.Error("nodes of running jobs are not known: nothing of their clusters is freed before retention.jobs.max",
			"url", j.cfg.URL, "err", err)
		return
	}
	j.log.Info("nodes of running jobs are known", "url", j.cfg.URL, "clusters", len(j.nodes))
}

func (j *Jobs) get(ctx context.Context, before time.Time) (map[string]map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := j.request(ctx, before)
	if err != nil {
		return nil, err
	}
	res, err := j.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read answer: %w", err)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("answer is %s: %.200q", res.Status, body)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	return parseNodes(body)
}

func (j *Jobs) request(ctx context.Context, before time.Time) (*http.Request, error) {
	u, err := url.Parse(j.cfg.URL)
	if err != nil {
		return nil, err
	}
	u = u.JoinPath("api/jobs/used_nodes")
	u.RawQuery = url.Values{"ts": {strconv.FormatInt(before.Unix(), 10)}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if j.cfg.TokenFile == "" {
		return req, nil
	}
	token, err := readToken(j.cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return req, nil
}

func readToken(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("read token: %s is empty", file)
	}
	return token, nil
}

// parseNodes reads an answer in either form.
func parseNodes(body []byte) (map[string]map[string]bool, error) {
	var outer map[string]json.RawMessage
	if err := json.Unmarshal(body, &outer); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	if outer == nil {
		return nil, errors.New("decode answer: null")
	}
	// A cluster of that name would have a list.
	if inner, ok := outer["usedNodes"]; ok && !bytes.HasPrefix(inner, []byte("[")) {
		outer = nil
		if err := json.Unmarshal(inner, &outer); err != nil {
			return nil, fmt.Errorf("decode usedNodes: %w", err)
		}
	}
	nodes := make(map[string]map[string]bool, len(outer))
	for cluster, raw := range outer {
		var names []string
		if err := json.Unmarshal(raw, &names); err != nil {
			return nil, fmt.Errorf("decode nodes of %q: %w", cluster, err)
		}
		nodes[cluster] = make(map[string]bool, len(names))
		for _, name := range names {
			nodes[cluster][name] = true
		}
	}
	return nodes, nil
}
