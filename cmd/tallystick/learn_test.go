package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Metrics that were learned from Telegraf's lines are there after a restart, with
// the step they had, whatever would be learned now.
func TestLearnedMetricsStay(t *testing.T) {
	t.Chdir(t.TempDir())
	now := time.Now().Unix()
	ask := func(s *served) string {
		t.Helper()
		body := fmt.Sprintf(`{"from":%d,"to":%d,"metrics":["cpu_usage_idle"],"levels":[{"cluster":"site","node":"h","type":"cpu","type_id":"*"}]}`,
			now-100, now+100)
		return string(s.do(http.MethodPost, "/api/v1/query", []byte(body)))
	}
	write := func(s *served, at int64, value int) {
		t.Helper()
		s.do(http.MethodPost, "/write?db=site", fmt.Appendf(nil, "cpu,host=h,cpu=cpu0 usage_idle=%d %d", value, at*1e9))
	}
	s := serveIn(t, "--set", "ingest.learn.step=10s")
	write(s, now, 98)
	before := ask(s)
	if !strings.Contains(before, `"step":10`) || !strings.Contains(before, "[98]") {
		t.Errorf("got %s", before)
	}
	s.stop()
	s = serveIn(t, "--set", "ingest.learn.step=30s")
	if after := ask(s); after != before {
		t.Errorf("after a restart: got %s, want %s", after, before)
	}
	write(s, now-10, 97)
	if after := ask(s); !strings.Contains(after, `"step":10`) || !strings.Contains(after, "[97,98]") {
		t.Errorf("after a restart and a line: got %s", after)
	}
	s.stop()
}
