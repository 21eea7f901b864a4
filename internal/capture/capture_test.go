package capture_test

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
)

func names(t *testing.T) []string {
	t.Helper()
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range dirs {
		names = append(names, d.Name())
	}
	return names
}

func load(t *testing.T, name string) *capture.Capture {
	t.Helper()
	c, err := capture.Load(os.DirFS("testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLoad compares the sizes with the table of XROOTD.md section 4.2.
func TestLoad(t *testing.T) {
	f := func(name string, packets, accesses int) {
		t.Helper()
		c := load(t, name)
		if got := len(c.Packets); got != packets {
			t.Errorf("%s: %d packets, want %d", name, got, packets)
		}
		if got := len(c.Truth.Accesses); got != accesses {
			t.Errorf("%s: %d accesses, want %d", name, got, accesses)
		}
		if len(c.Sessions) == 0 {
			t.Errorf("%s: no sessions", name)
		}
		for i, p := range c.Packets {
			if len(p.Data) == 0 || p.Time == 0 || !strings.HasPrefix(p.Remote, "127.0.0.1:") {
				t.Errorf("%s: packet %d: %v from %q with %d bytes", name, i, p.Time, p.Remote, len(p.Data))
			}
		}
	}
	f("s01_full_reads", 56, 24)
	f("s02_partial_vector", 26, 15)
	f("s03_concurrent_users", 119, 80)
	f("s05_failures_names", 30, 15)
	f("s06_killed_longlived", 44, 8)
	f("s08_restart", 92, 61)
	f("s12_gstream", 74, 36)
	f("s14_configs", 41, 54)
}

func TestLoadDemo(t *testing.T) {
	got, err := capture.Load(capture.Demo(), capture.DemoName)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(load(t, capture.DemoName), got); diff != "" {
		t.Errorf("the embedded capture differs from the folder (-folder +embedded):\n%s", diff)
	}
}

// TestLoadLive reads what a run of the live fixture leaves: a truth, and
// nothing else.
func TestLoadLive(t *testing.T) {
	truth, err := fs.ReadFile(os.DirFS("testdata"), "s01_full_reads/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := capture.Load(fstest.MapFS{"truth.json": {Data: truth}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(c.Truth.Accesses), 24; got != want || c.Packets != nil || c.Sessions != nil {
		t.Errorf("got %d accesses, %d packets, %d sessions, want %d and no others", got, len(c.Packets), len(c.Sessions), want)
	}
}

func TestLoadErrors(t *testing.T) {
	f := func(files map[string]string, want string) {
		t.Helper()
		fsys := fstest.MapFS{}
		for name, data := range files {
			fsys["x/"+name] = &fstest.MapFile{Data: []byte(data)}
		}
		_, err := capture.Load(fsys, "x")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f(nil, "x/truth.json")
	f(map[string]string{"truth.json": "{"}, "x/truth.json")
	f(map[string]string{"truth.json": "{}", "packets.jsonl": "{}\n{]"}, "x/packets.jsonl:2")
	f(map[string]string{"truth.json": "{}", "sessions.jsonl": `{"stod":"x"}`}, "x/sessions.jsonl:1")
}

func TestMessages(t *testing.T) {
	c := load(t, "s01_full_reads")
	messages, err := capture.Messages(c.Packets)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(messages), len(c.Packets); got != want {
		t.Fatalf("%d messages, want %d", got, want)
	}
	for i, m := range messages {
		var got map[string]string
		if err := json.Unmarshal(m, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"remote": c.Packets[i].Remote, "version": "capture",
			"data": base64.StdEncoding.EncodeToString(c.Packets[i].Data),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("message %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestClaimsCheck(t *testing.T) {
	for _, name := range names(t) {
		c := load(t, name)
		claims := capture.Claims("run", c.Truth)
		if got, want := len(claims), len(c.Truth.Accesses); got != want {
			t.Errorf("%s: %d claims, want %d", name, got, want)
		}
		for i, claim := range claims {
			if err := claim.Check(); err != nil {
				t.Errorf("%s: claim %d: %v", name, i, err)
			}
			if i > 0 && claims[i-1].ID >= claim.ID {
				t.Errorf("%s: id %q follows %q", name, claim.ID, claims[i-1].ID)
			}
		}
	}
}

// TestClaimsOutcome counts outcomes as XROOTD.md section 4.2 counts failed
// opens; which clients were killed is in the notes of s06.
func TestClaimsOutcome(t *testing.T) {
	f := func(name string, ok, failed, killed int) {
		t.Helper()
		got := map[transfer.Outcome]int{}
		for _, c := range capture.Claims("run", load(t, name).Truth) {
			got[c.Outcome]++
		}
		want := map[transfer.Outcome]int{}
		for outcome, n := range map[transfer.Outcome]int{transfer.OK: ok, transfer.Failed: failed, transfer.Killed: killed} {
			if n > 0 {
				want[outcome] = n
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: outcomes (-want +got):\n%s", name, diff)
		}
	}
	f("s01_full_reads", 24, 0, 0)
	f("s03_concurrent_users", 78, 2, 0)
	f("s05_failures_names", 12, 3, 0)
	f("s06_killed_longlived", 3, 0, 5)
	f("s08_restart", 61, 0, 0)
	f("s14_configs", 45, 9, 0)
}

func TestClaims(t *testing.T) {
	truth := &capture.Truth{}
	err := json.Unmarshal([]byte(`{
		"clients": [{"client": "k", "killed": {"t": 9.5, "sig": "SIGKILL"}}, {"client": "c", "killed": null}],
		"accesses": [
			{"client": "c", "user": "ann", "pid": 7, "server": "red:1094", "data_server": "ann@data:1095", "lfn": "/f",
			 "open_ok": true, "err": "", "t_open0": 1.5, "t_close": 2.5, "closed": true,
			 "req": {"read": 10, "readv": 20, "write": 0}, "got": {"read": 9, "readv": 20, "write": 0},
			 "ops": {"read": 1, "readv": 2, "rsegs": 3, "write": 0}},
			{"client": "k", "server": "s:1", "data_server": null, "lfn": "/g", "open_ok": true, "err": "", "t_open0": 3,
			 "t_close": null, "closed": false, "req": {"read": 5, "readv": 0, "write": 0}, "got": {"read": 5, "readv": 0, "write": 0}, "ops": null},
			{"client": "c", "pid": null, "server": "[::1]:1", "lfn": "/h", "open_ok": null, "err": "no such file\u0000\n\n", "t_open0": 4,
			 "t_close": 5, "closed": false, "req": {"read": 5, "readv": 0, "write": 0}, "got": {"read": null, "readv": 0, "write": 0}}
		]}`), truth)
	if err != nil {
		t.Fatal(err)
	}
	want := []*transfer.Claim{
		{
			Run: "r", ID: "000000", Client: "127.0.0.1", Agent: "c", User: "ann", PID: 7, Server: "data:1095", Path: "/f",
			Asked: transfer.Bytes{Read: 10, ReadV: 20}, Received: &transfer.Bytes{Read: 9, ReadV: 20},
			Ops: &transfer.Ops{Read: 1, ReadV: 2, ReadVSegments: 3}, Opened: 1.5, Closed: 2.5, Outcome: transfer.OK,
		},
		{
			Run: "r", ID: "000001", Client: "127.0.0.1", Agent: "k", Server: "s:1", Path: "/g",
			Asked: transfer.Bytes{Read: 5}, Received: &transfer.Bytes{Read: 5}, Opened: 3, Outcome: transfer.Killed,
		},
		{
			Run: "r", ID: "000002", Client: "::1", Agent: "c", Server: "[::1]:1", Path: "/h",
			Asked: transfer.Bytes{Read: 5}, Opened: 4, Closed: 5, Outcome: transfer.Failed, Error: "no such file",
		},
	}
	if diff := cmp.Diff(want, capture.Claims("r", truth)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}
