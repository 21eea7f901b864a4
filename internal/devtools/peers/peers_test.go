package peers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	influx2 "github.com/influxdata/influxdb-client-go/v2"
	http2 "github.com/influxdata/influxdb-client-go/v2/api/http"
	influx1 "github.com/influxdata/influxdb1-client/v2"
)

// binary is the tallystick that all tests run; TestMain builds it.
var binary string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tallystick-peers-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tallystick")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/tallystick")
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// A server is a running tallystick that learns metrics.
type server struct {
	*testing.T
	url   string
	token string // of an admin
}

const configuration = `
data_dir: "@DIR@"
http: {listen: "@HTTP@"}
udp: {listen: []}
auth: {key_file: "@DIR@/key.pem"}
ingest: {learn: {step: 10s}}
metrics: {known: {step: 10s}}
`

func start(t *testing.T) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "tallystick.yaml")
	text := strings.NewReplacer("@DIR@", dir, "@HTTP@", addr).Replace(configuration)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := exec.Command(binary, "token", "-c", file, "--subject", "peer", "--role", "admin").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), binary, "serve", "-c", file)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
		if err != nil || t.Failed() {
			t.Logf("tallystick: %v\n%s", err, log.String())
		}
	})
	s := &server{T: t, url: "http://" + addr, token: strings.TrimSpace(string(token))}
	s.until("it is ready", func() bool {
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return s
}

func (s *server) until(what string, is func() bool) {
	s.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatal("not in time: ", what)
		}
	}
}

// last returns the newest value of a metric of a node, or of node/type=id, as
// text; empty if there is none.
func (s *server) last(cluster, node, metric string) string {
	s.Helper()
	now := time.Now().Unix()
	node, component, _ := strings.Cut(node, "/")
	level := fmt.Sprintf(`{"cluster":%q,"node":%q}`, cluster, node)
	if kind, id, ok := strings.Cut(component, "="); ok {
		level = fmt.Sprintf(`{"cluster":%q,"node":%q,"type":%q,"type_id":%q}`, cluster, node, kind, id)
	}
	body := fmt.Sprintf(`{"from":%d,"to":%d,"levels":[%s],"metrics":[%q]}`, now-600, now+60, level, metric)
	req, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/query", strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if res.StatusCode == http.StatusBadRequest && bytes.Contains(text, []byte("is unknown")) { // not learned yet
		return ""
	}
	if err != nil || res.StatusCode != http.StatusOK {
		s.Fatalf("query: %d %s %v", res.StatusCode, text, err)
	}
	var answer struct{ Series []struct{ Values []*float64 } }
	if err := json.Unmarshal(text, &answer); err != nil {
		s.Fatalf("%s: %v", text, err)
	}
	last := ""
	for _, series := range answer.Series {
		for _, v := range series.Values {
			if v != nil {
				last = fmt.Sprint(*v)
			}
		}
	}
	return last
}

func (s *server) want(cluster, node, metric, want string) {
	s.Helper()
	if got := s.last(cluster, node, metric); got != want {
		s.Errorf("%s of %s in %s: got %q, want %q", metric, node, cluster, got, want)
	}
}

// The client library of version 2, blocking and not, plain and packed.
func TestInflux2(t *testing.T) {
	s := start(t)
	for _, gzip := range []bool{false, true} {
		cluster := fmt.Sprint("gzip-", gzip)
		c := influx2.NewClientWithOptions(s.url, s.token, influx2.DefaultOptions().SetUseGZip(gzip).SetPrecision(time.Millisecond))
		if ok, err := c.Ping(t.Context()); !ok || err != nil {
			t.Errorf("ping: %v, %v", ok, err)
		}
		point := influx2.NewPoint("mem", map[string]string{"host": "h1", "slot": "a b"},
			map[string]any{"used": 3.5, "free": uint64(7), "on": true, "value": int64(-1)}, time.Now())
		if err := c.WriteAPIBlocking("org", cluster).WritePoint(t.Context(), point); err != nil {
			t.Error(err)
		}
		s.want(cluster, "h1/slot=a b", "mem_used", "3.5")
		s.want(cluster, "h1/slot=a b", "mem_free", "7")
		s.want(cluster, "h1/slot=a b", "mem_on", "1")
		s.want(cluster, "h1/slot=a b", "mem", "-1")

		w := c.WriteAPI("org", cluster)
		for i := range 1000 {
			w.WriteRecord(fmt.Sprintf("known,hostname=n%d value=%d", i, i))
		}
		w.Flush()
		s.want(cluster, "n999", "known", "999")

		err := c.WriteAPIBlocking("org", cluster).WriteRecord(t.Context(), "known,host=h2 value=1\nknown value=2")
		var told *http2.Error
		if !errors.As(err, &told) || told.StatusCode != http.StatusBadRequest || told.Code != "invalid" ||
			!strings.Contains(told.Message, "1 taken, 1 refused; first line 2") {
			t.Errorf("a line without a host: got %v (%+v)", err, told)
		}
		s.want(cluster, "h2", "known", "1")
		c.Close()
	}
	err := influx2.NewClient(s.url, "no token").WriteAPIBlocking("org", "c").WriteRecord(t.Context(), "known,host=h3 value=1")
	var told *http2.Error
	if !errors.As(err, &told) || told.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: got %v", err)
	}
}

// The client library of version 1.
func TestInflux1(t *testing.T) {
	s := start(t)
	c, err := influx1.NewHTTPClient(influx1.HTTPConfig{Addr: s.url, Username: "anybody", Password: s.token})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, version, err := c.Ping(time.Second); err != nil || version == "" {
		t.Errorf("ping: version %q, %v", version, err)
	}
	if res, err := c.Query(influx1.NewQuery("CREATE DATABASE site", "", "")); err != nil || res.Error() != nil {
		t.Errorf("create database: %v, %v", err, res)
	}
	write := func(tags map[string]string) error {
		bp, err := influx1.NewBatchPoints(influx1.BatchPointsConfig{Database: "site", Precision: "s"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := influx1.NewPoint("mem", tags, map[string]any{"used": 3.5, "free": 7}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		bp.AddPoint(p)
		return c.Write(bp)
	}
	if err := write(map[string]string{"host": "h1"}); err != nil {
		t.Error(err)
	}
	s.want("site", "h1", "mem_used", "3.5")
	s.want("site", "h1", "mem_free", "7")
	if err := write(map[string]string{"cluster": "other", "host": "h1"}); err != nil {
		t.Error(err)
	}
	s.want("other", "h1", "mem_used", "3.5")
	if err := write(nil); err == nil || !strings.Contains(err.Error(), "partial write") || !strings.Contains(err.Error(), "no-host") {
		t.Errorf("a line without a host: got %v", err)
	}
}

const telegraf = `
[agent]
  interval = "1s"
  flush_interval = "1s"
[[inputs.file]]
  files = ["@DIR@/in"]
  data_format = "influx"
[[outputs.influxdb]]
  urls = ["@URL@"]
  database = "site1"
  username = "telegraf"
  password = "@TOKEN@"
[[outputs.influxdb_v2]]
  urls = ["@URL@"]
  token = "@TOKEN@"
  organization = "org"
  bucket = "site2"
`

// Telegraf, with both its outputs as they come.
func TestTelegraf(t *testing.T) {
	path := os.Getenv("TALLYTEST_TELEGRAF")
	if path == "" {
		t.Skip("TALLYTEST_TELEGRAF is not set: make telegraf")
	}
	s := start(t)
	dir := t.TempDir()
	replace := strings.NewReplacer("@DIR@", dir, "@URL@", s.url, "@TOKEN@", s.token)
	for name, text := range map[string]string{
		"telegraf.conf": replace.Replace(telegraf),
		"in":            "cpu,cpu=cpu-total,host=h1 usage_user=1.5,usage_idle=98i\ncpu,cpu=cpu0,host=h1 usage_user=9.5\nsystem,host=h1 load1=0.5,uptime_format=\"1 day\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), path, "--config", filepath.Join(dir, "telegraf.conf"))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, site := range []string{"site1", "site2"} {
		s.until("Telegraf writes to "+site, func() bool { return s.last(site, "h1", "system_load1") != "" })
		s.want(site, "h1/cpu=cpu-total", "cpu_usage_user", "1.5")
		s.want(site, "h1/cpu=cpu0", "cpu_usage_user", "9.5")
		s.want(site, "h1", "system_load1", "0.5")
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	text := log.String()
	for _, want := range []string{"[outputs.influxdb]", "[outputs.influxdb_v2]"} { // it is told of what was not taken
		if !strings.Contains(text, want) || !strings.Contains(text, `field "uptime_format" is a string`) {
			t.Errorf("Telegraf's log has no word of %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "creation failed") {
		t.Errorf("Telegraf could not make its database:\n%s", text)
	}
}
