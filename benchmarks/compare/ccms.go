package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/golang-jwt/jwt/v5"

	"tallystick/benchmarks/workload"
)

// A ccms is a cc-metric-store 1.5, as an operator runs it who wants that a crash costs
// little: with its write-ahead log.
type ccms struct{ token string }

func (c *ccms) command(ctx context.Context, at place, w *workload.Workload) (*exec.Cmd, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	if c.token, err = jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"sub": "compare", "roles": []string{"api"}, "exp": w.End() + 1<<30}).
		SignedString(private); err != nil {
		return nil, err
	}
	text, err := json.Marshal(ccmsConfig(at, w, base64.StdEncoding.EncodeToString(public)))
	if err != nil {
		return nil, err
	}
	config := filepath.Join(at.conf, "config.json")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, at.bin, "-config", config)
	cmd.Dir = at.conf
	return cmd, nil
}

type object map[string]any

func ccmsConfig(at place, w *workload.Workload, key string) object {
	metrics := object{}
	node, part := w.Columns()
	for _, s := range append(node, part...) {
		metrics[s.Metric()] = object{"frequency": w.Step(), "aggregation": "avg"}
	}
	return object{
		"main":    object{"addr": at.addr, "jwt-public-key": key},
		"metrics": metrics,
		"metric-store": object{
			"checkpoints":         object{"file-format": "wal", "directory": at.dir},
			"checkpoint-interval": "1h", "memory-cap": 100, "retention-in-memory": "48h",
			"cleanup": object{"mode": "delete"},
		},
	}
}

func (*ccms) begin() []request { return nil }

// ready asks for nothing.
func (c *ccms) ready() request {
	r, _ := c.query(ccmsQuery{To: 1})
	return r
}

func (c *ccms) head() map[string]string {
	return map[string]string{"Authorization": "Bearer " + c.token}
}

func (*ccms) takes(shape string) string {
	if shape == "fields" {
		return "it takes lines with one field only"
	}
	return ""
}

func (*ccms) encode(dst []byte, w *workload.Workload, batch []workload.Ref) []byte {
	return w.AppendLines(dst, batch)
}

func (c *ccms) write(body []byte) request {
	return request{http.MethodPost, "/api/write/?cluster=" + workload.Cluster, c.head(), body}
}

// A ccmsQuery is the body of a question.
type ccmsQuery struct {
	Cluster string    `json:"cluster"`
	From    int64     `json:"from"`
	To      int64     `json:"to"`
	Stats   bool      `json:"with-stats"`
	Padding bool      `json:"with-padding"`
	All     []string  `json:"for-all-nodes,omitempty"`
	Queries []ccmsOne `json:"queries,omitempty"`
}

type ccmsOne struct {
	Metric string   `json:"metric"`
	Host   string   `json:"host"`
	Type   string   `json:"type,omitempty"`
	IDs    []string `json:"type-ids,omitempty"`
}

func (c *ccms) query(q ccmsQuery) (request, bool) {
	q.Cluster = workload.Cluster
	body, err := json.Marshal(q)
	return request{http.MethodGet, "/api/query/", c.head(), body}, err == nil
}

// ask: there is no average over nodes.
func (c *ccms) ask(w *workload.Workload, q question) (request, bool) {
	body, s := ccmsQuery{From: w.Begin, To: w.End()}, q.series(w)
	switch {
	case q.average:
		return request{}, false
	case q.node < 0:
		body.All = []string{s.Metric()}
	case q.parts:
		for _, series := range q.of(w) { // one each: what there is none of is left out of its answer
			body.Queries = append(body.Queries, ccmsOne{s.Metric(), q.nodeName(w), s.Type, []string{w.At(series).ID}})
		}
	default:
		body.Queries = []ccmsOne{{Metric: s.Metric(), Host: q.nodeName(w)}}
	}
	return c.query(body)
}

func (*ccms) read(w *workload.Workload, q question, body []byte) (*answer, error) {
	var got struct {
		Queries []struct{ Host string }
		Results [][]struct {
			Error            string
			From, Resolution int64
			Data             []*float64
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, err
	}
	a, asked := newAnswer(w, q), q.of(w)
	a.rounds = 0.0005001 // to three digits behind the point
	for i, result := range got.Results {
		for _, s := range result {
			if i >= len(asked) || s.Error != "" {
				continue // it is missing then
			}
			at := w.At(asked[i])
			if i < len(got.Queries) { // of all nodes, in some order
				at.Node = got.Queries[i].Host
			}
			put := a.of(at.Node, at.Type, at.ID)
			for k, v := range s.Data {
				if v != nil {
					put(s.From+int64(k)*s.Resolution, *v)
				}
			}
		}
	}
	return a, nil
}
