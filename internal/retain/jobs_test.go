package retain_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/retain"
	"tallystick/internal/selector"
)

// A backend answers as cc-backend does.
type backend struct {
	status int
	body   string
	asked  []string // URL and token
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r.URL.String()+" "+r.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(b.status)
	_, _ = io.WriteString(w, b.body)
}

func tokenFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("eyJ.x.y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func startBackend(t *testing.T, body string) (*backend, string) {
	t.Helper()
	b := &backend{status: http.StatusOK, body: body}
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	return b, srv.URL
}

func n(cluster, node string) selector.Path { return selector.Path{Cluster: cluster, Node: node} }

func TestJobsAsk(t *testing.T) {
	b, url := startBackend(t, `{"usedNodes":{"fritz":["f0101","f0102"],"alex":["a1"]}}`)
	j := retain.NewJobs(retain.JobsConfig{URL: url + "/cc/", TokenFile: tokenFile(t)}, &http.Client{}, slog.New(slog.DiscardHandler))
	if !j.Uses(n("fritz", "f9999")) {
		t.Error("before the first answer a node is not used")
	}
	if err := j.Ask(t.Context(), time.Unix(2000, 0), time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
	if want := "/cc/api/jobs/used_nodes?ts=1000 Bearer eyJ.x.y"; len(b.asked) != 1 || b.asked[0] != want {
		t.Errorf("asked %q, want %q", b.asked, want)
	}
	for node, want := range map[selector.Path]bool{
		n("fritz", "f0101"): true, n("fritz", "f0102"): true, n("alex", "a1"): true,
		n("fritz", "a1"): false, n("alex", "f0101"): false, n("other", "f0101"): false,
	} {
		if got := j.Uses(node); got != want {
			t.Errorf("%s: got %v, want %v", node, got, want)
		}
	}
	if got, want := j.Stats(), (retain.JobsStats{Up: true, Last: 2000, Asked: 1, Nodes: 3}); got != want {
		t.Errorf("Stats: got %+v, want %+v", got, want)
	}
}

// TestJobsAnswers tells forms of answers that are understood, and others.
func TestJobsAnswers(t *testing.T) {
	b, url := startBackend(t, "")
	f := func(status int, body string, nodes int, why string) {
		t.Helper()
		b.status, b.body = status, body
		j := retain.NewJobs(retain.JobsConfig{URL: url}, &http.Client{}, slog.New(slog.DiscardHandler))
		err := j.Ask(t.Context(), time.Unix(0, 0), time.Unix(0, 0))
		if why == "" && err != nil || why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
			t.Errorf("%s: got %v, want %q", body, err, why)
		}
		if got := j.Stats(); got.Nodes != nodes || got.Up != (why == "") {
			t.Errorf("%s: got %+v, want %d nodes", body, got, nodes)
		}
	}
	f(200, `{"usedNodes":{}}`, 0, "")
	f(200, `{"usedNodes":null}`, 0, "")
	f(200, `{"usedNodes":{"c":null}}`, 0, "")
	f(200, `{"usedNodes":{"c":["n"]}}`, 1, "")
	f(200, `{"c":["n","m"],"d":["n"]}`, 3, "") // the map alone
	f(200, `{"usedNodes":["n"]}`, 1, "")       // of a cluster with that name
	f(200, `{}`, 0, "")
	f(200, `null`, 0, "null")
	f(200, ``, 0, "decode")
	f(200, `[]`, 0, "decode")
	f(200, `{"status":"OK"}`, 0, `"status"`)
	f(200, `{"usedNodes":{"c":[1]}}`, 0, `"c"`)
	f(200, "<html>log in", 0, "decode")
	f(401, `{"status":"Unauthorized","error":"missing token"}`, 0, "missing token")
	f(400, `{"status":"Bad Request","error":"ts"}`, 0, "400")
	f(503, "", 0, "503")
}

// TestJobsFailing costs memory and no data: what is known stays known, and all
// other nodes of its clusters count as used too. The log tells each change once.
func TestJobsFailing(t *testing.T) {
	b, url := startBackend(t, `{"usedNodes":{"fritz":["f1"],"tiny":["t1"]}}`)
	var log bytes.Buffer
	j := retain.NewJobs(retain.JobsConfig{URL: url, Clusters: []string{"fr*"}}, &http.Client{}, slog.New(slog.NewTextHandler(&log, nil)))
	ask := func() { _ = j.Ask(t.Context(), time.Unix(0, 0), time.Unix(0, 0)) }
	uses := func(want string) {
		t.Helper()
		var got []string
		for _, p := range []selector.Path{n("fritz", "f1"), n("fritz", "f2"), n("tiny", "t1"), n("tiny", "t2")} {
			if j.Uses(p) {
				got = append(got, p.Node)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("used: got %q, want %q", got, want)
		}
	}
	uses("f1 f2")
	ask()
	uses("f1 t1")
	b.status = 500
	ask()
	ask()
	uses("f1 f2 t1")
	b.status, b.body = 200, `{"usedNodes":{"fritz":["f2"]}}`
	ask()
	ask()
	uses("f2")
	if got := strings.Count(log.String(), "\n"); got != 3 {
		t.Errorf("%d lines, want 3: known, not known, known\n%s", got, log.String())
	}
	if got := j.Stats(); got.Asked != 5 || got.Failed != 2 {
		t.Errorf("Stats: %+v", got)
	}
}

// TestJobsTokenIsMissing asks nobody without the token that is configured.
func TestJobsTokenIsMissing(t *testing.T) {
	b, url := startBackend(t, `{}`)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{filepath.Join(t.TempDir(), "none"), empty} {
		j := retain.NewJobs(retain.JobsConfig{URL: url, TokenFile: file}, &http.Client{}, slog.New(slog.DiscardHandler))
		if err := j.Ask(t.Context(), time.Unix(0, 0), time.Unix(0, 0)); err == nil {
			t.Errorf("%s: got no error", file)
		}
	}
	if len(b.asked) != 0 {
		t.Errorf("asked %q", b.asked)
	}
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestJobsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := retain.NewJobs(retain.JobsConfig{URL: "http://cc"}, &http.Client{Transport: silent{}}, slog.New(slog.DiscardHandler))
		begin := time.Now()
		if err := j.Ask(context.WithoutCancel(t.Context()), begin, begin); err == nil {
			t.Error("got no error")
		}
		if got := time.Since(begin); got != 10*time.Second {
			t.Errorf("it took %v, want 10s", got)
		}
	})
}

// TestStepKeepsNodesOfJobs runs retention with a provider that answers, fails, and
// answers again.
func TestStepKeepsNodesOfJobs(t *testing.T) {
	const block = 512 * time.Second
	b, url := startBackend(t, `{"usedNodes":{"a":["n1"]}}`)
	s := newStore(t)
	for _, node := range []string{"n1", "n2"} {
		for i := range 100 {
			write(t, s, node, time.Unix(int64(i)*512, 0))
		}
	}
	w := &retain.Worker{
		Store: s, Table: newTable(t), Ledger: &book{}, Log: slog.New(slog.DiscardHandler),
		Config: retain.Config{Memory: 10 * block, Jobs: retain.JobsConfig{Max: 60 * block}},
		Jobs:   retain.NewJobs(retain.JobsConfig{URL: url}, &http.Client{}, slog.New(slog.DiscardHandler)),
	}
	f := func(at int64, freed int, kept int64) {
		t.Helper()
		if got := w.Step(t.Context(), time.Unix(at*512, 0)); got != freed {
			t.Errorf("at %d: freed %d blocks, want %d", at, got, freed)
		}
		if got := w.Stats().Kept; got != kept {
			t.Errorf("at %d: kept %d nodes, want %d", at, got, kept)
		}
	}
	f(100, 40+90, 1)
	if want := "/api/jobs/used_nodes?ts=46080 "; b.asked[0] != want { // 90 blocks
		t.Errorf("asked %q, want %q", b.asked[0], want)
	}
	b.status = 502
	f(105, 5, 2) // n1 is at its max, and n2 has nothing older
	b.status = 200
	f(105, 5, 1) // of n2
	b.body = `{"usedNodes":{}}`
	f(105, 50, 0) // of n1
}
