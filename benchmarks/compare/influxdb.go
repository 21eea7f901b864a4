package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tallystick/benchmarks/process"
	"tallystick/benchmarks/workload"
)

// An influxDB is one of version 1.
type influxDB struct{}

func (influxDB) command(ctx context.Context, at place, _ *workload.Workload) (*exec.Cmd, error) {
	rpc, err := process.FreeAddr(ctx) // for backups
	if err != nil {
		return nil, err
	}
	var toml strings.Builder
	fmt.Fprintf(&toml, "reporting-disabled = true\nbind-address = %q\n[http]\nbind-address = %q\n", rpc, at.addr)
	fmt.Fprintf(&toml, "[meta]\ndir = %q\n[data]\ndir = %q\nwal-dir = %q\n",
		filepath.Join(at.dir, "meta"), filepath.Join(at.dir, "data"), filepath.Join(at.dir, "wal"))
	config := filepath.Join(at.conf, "influxdb.conf")
	if err := os.WriteFile(config, []byte(toml.String()), 0o600); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, at.bin, "-config", config), nil
}

func (influxDB) begin() []request {
	return []request{{http.MethodPost, "/query?q=CREATE+DATABASE+bench", nil, nil}}
}

func (influxDB) ready() request { return get("/ping") }

func (influxDB) takes(string) string { return "" }

func (influxDB) encode(dst []byte, w *workload.Workload, batch []workload.Ref) []byte {
	return w.AppendLines(dst, batch)
}

func (influxDB) write(body []byte) request {
	return request{http.MethodPost, "/write?db=bench&precision=s", nil, body}
}

func (influxDB) ask(w *workload.Workload, q question) (request, bool) {
	s := q.series(w)
	field, group := fmt.Sprintf("%q", s.Field), `hostname, "type", "type-id"`
	if q.average {
		field, group = "mean("+field+")", fmt.Sprintf("time(%ds)", w.Step())
	}
	where := fmt.Sprintf("time >= %ds AND time < %ds", w.Begin, w.End())
	if q.node >= 0 {
		where += fmt.Sprintf(" AND hostname = '%s'", q.nodeName(w))
	}
	if !q.parts {
		where += fmt.Sprintf(` AND "type" = '%s'`, s.Type)
	}
	text := fmt.Sprintf("SELECT %s FROM %q WHERE %s GROUP BY %s", field, s.Measurement, where, group)
	return get("/query?" + url.Values{"db": {"bench"}, "epoch": {"s"}, "q": {text}}.Encode()), true
}

func (influxDB) read(w *workload.Workload, q question, body []byte) (*answer, error) {
	var got struct {
		Results []struct {
			Error  string
			Series []struct {
				Tags   map[string]string
				Values [][2]*float64
			}
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, err
	}
	a := newAnswer(w, q)
	for _, r := range got.Results {
		if r.Error != "" {
			return nil, fmt.Errorf("it says: %s", r.Error)
		}
		for _, s := range r.Series {
			put := a.of(s.Tags["hostname"], s.Tags["type"], s.Tags["type-id"])
			for _, v := range s.Values {
				if v[1] != nil {
					put(int64(*v[0]), *v[1])
				}
			}
		}
	}
	return a, nil
}
