package record_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/record"
	"tallystick/internal/transfer"
)

func read() *transfer.Transfer {
	return &transfer.Transfer{
		ID: "42.1700000000.7", Site: "T2_X", Server: "cache.site.example:1094", Address: "192.0.2.1:1094",
		Client: "wn1.uni.example", User: "alice", Protocol: "xroot", Path: "/store/data/a.root", Size: 5000,
		Opened: transfer.Interval{1700000100, 1700000105}, Closed: transfer.Interval{1700000160, 1700000165},
		Bytes: transfer.Bytes{Read: 1000, ReadV: 3000}, Ops: &transfer.Ops{Read: 3, ReadV: 2, ReadVSegments: 9},
		End: transfer.Closed, Quality: transfer.Exact, AppInfo: "162_https://x.example/162/a:crab:my_work_flow_0",
		Sequence: 9, Revision: 2,
		OpsDetail: &transfer.OpsDetail{
			Read: transfer.Range{Min: 100, Max: 600}, ReadV: transfer.Range{Min: 1000, Max: 2000}, Segments: transfer.Range{Min: 4, Max: 5},
			Write: transfer.Range{Min: 1<<31 - 1},
		},
		Auth:       &transfer.Auth{Protocol: "gsi", Name: "/DC=x/CN=Alice A::1", DN: "/DC=x/CN=Alice B::2", VO: "CMS", Role: "r", Groups: "g"},
		Token:      &transfer.Token{Subject: "sub", User: "u", Org: "o", Role: "tr", Groups: "tg"},
		Experiment: 3, Activity: 12,
	}
}

func changed(change func(x *transfer.Transfer)) *transfer.Transfer {
	x := read()
	change(x)
	return x
}

// has holds that the record of x has these values.
func has(t *testing.T, form record.Form, x *transfer.Transfer, want row) {
	t.Helper()
	got := encode(t, form, x)
	for key, w := range want {
		if d := cmp.Diff(w, got[key]); d != "" {
			t.Errorf("%s: %s (-want +got):\n%s", form, key, d)
		}
	}
}

// TestGolden has one transfer in every form, whole: no key comes, goes or changes its
// type without being noticed.
func TestGolden(t *testing.T) {
	for _, form := range []record.Form{record.Go, record.Python, record.WLCG} {
		path := "testdata/" + string(form) + ".json"
		b, err := record.Encode(form, read(), record.Producer{Producer: "cms", Type: "aaa-ng", Host: "h"})
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("TALLYTEST_GOLDEN") != "" {
			if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.TrimSpace(string(want)), string(b)); d != "" {
			t.Errorf("%s (-want +got):\n%s", form, d)
		}
	}
}

// All keys that the collectors have are there, and with values of the same type.
func TestKeysAndTypes(t *testing.T) {
	f := func(form record.Form, file string) {
		t.Helper()
		got := encode(t, form, changed(func(x *transfer.Transfer) { x.Client = "192.0.2.9" }))
		for _, theirs := range recorded(t, "s05_failures_names", file) {
			for key, want := range theirs {
				if g, ok := got[key]; !ok || kind(g) != kind(want) {
					t.Errorf("%s: %s is %T (there: %v), want %T", form, key, g, ok, want)
				}
			}
		}
	}
	f(record.Go, "collector-go.jsonl")
	f(record.Python, "collector-py.jsonl")
}

func kind(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return strings.Trim(string(b[:1]), "0123456789-")
}

func TestTimes(t *testing.T) {
	f := func(change func(x *transfer.Transfer), start, end float64) {
		t.Helper()
		has(t, record.Go, changed(change), row{"start_time": start, "end_time": end, "operation_time": end - start})
		has(t, record.Python, changed(change), row{
			"start_time": start * 1000, "end_time": end * 1000, "timestamp": end * 1000, "operation_time": end - start,
		})
	}
	f(func(*transfer.Transfer) {}, 1700000100, 1700000160)
	// The open record never came: all that is known is that it was open before the close.
	f(func(x *transfer.Transfer) { x.Size, x.Opened = -1, transfer.Interval{1700000000, 1700000165} }, 1700000165, 1700000165)
	f(func(x *transfer.Transfer) { x.Closed = transfer.Interval{} }, 1700000100, 1700000105)
	f(func(x *transfer.Transfer) { x.Opened = transfer.Interval{} }, 1700000160, 1700000160)
	f(func(x *transfer.Transfer) { x.Opened, x.Closed = transfer.Interval{}, transfer.Interval{} }, 0, 0)
}

func TestEnds(t *testing.T) {
	f := func(end transfer.End, want float64) {
		t.Helper()
		x := changed(func(x *transfer.Transfer) { x.End = end })
		has(t, record.Go, x, row{"HasFileCloseMsg": want, "tallystick_end": string(end)})
		has(t, record.Python, x, row{"HasFileCloseMsg": want, "tallystick_revision": 2.0})
	}
	f(transfer.Closed, 1)
	f(transfer.Forced, 1)
	f(transfer.Lost, 0)
	f(transfer.Unreported, 0)
}

// What is not known is told as the collectors tell it.
func TestUnknown(t *testing.T) {
	x := &transfer.Transfer{ID: "1.2.3", Site: "UNKNOWN", Server: "192.0.2.1#1", Address: "192.0.2.1", Size: -1, End: transfer.Closed}
	has(t, record.Go, x, row{
		"site": "UNKNOWN", "server": "192.0.2.1", "server_hostname": "192.0.2.1", "serverID": "2#192.0.2.1", "user": "0",
		"host": "unknown", "protocol": "unknown", "filename": "", "dirname1": "unknown directory", "filesize": 0.0, "ipv6": false,
	})
	has(t, record.Python, x, row{
		"site": "unknown", "user": nil, "host": nil, "protocol": nil, "ipv6": nil, "filename": "missing directory",
		"filesize": "-1", "dirname1": nil, "logical_dirname": "missing directory", "read_operations": nil,
	})
}

func TestHosts(t *testing.T) {
	f := func(client, host string, ipv6 bool, domain any) {
		t.Helper()
		x := changed(func(x *transfer.Transfer) { x.Client = client })
		has(t, record.Go, x, row{"host": host, "ipv6": ipv6, "user_domain": domain})
		has(t, record.Python, x, row{"host": host, "ipv6": ipv6, "user_domain": domain})
	}
	f("192.0.2.9", "[::ffff:192.0.2.9]", false, nil)
	f("2001:db8::1", "[2001:db8::1]", true, nil)
	f("wn1.uni.example", "wn1.uni.example", false, "uni.example")
	f("fast.uni.example", "fast.uni.example", false, "uni.example") // a name may begin as an address does
	f("localhost", "localhost", false, nil)
	x := changed(func(x *transfer.Transfer) { x.Address, x.Server = "[2001:db8::2]:1094", "[2001:db8::2]:1094" })
	has(t, record.Go, x, row{"server": "2001:db8::2", "serverID": "1700000000#[2001:db8::2]:1094", "server_hostname": "2001:db8::2"})
	has(t, record.Python, x, row{"serverID": "1700000000#2001:db8::2#1094"})
}

func TestDirectories(t *testing.T) {
	f := func(path string, want ...any) {
		t.Helper()
		x := changed(func(x *transfer.Transfer) { x.Path = path })
		want3 := row{"dirname1": want[0], "dirname2": want[1], "logical_dirname": want[2]}
		has(t, record.Go, x, want3)
		has(t, record.Python, x, want3)
	}
	f("/a", "/a", "/a", "unknown directory")
	f("/a/b/c", "/a", "/a/b", "unknown directory")
	f("/user/alice/c/d", "/user", "/user/alice", "/user/alice")
	f("/store/mc/c/d", "/store", "/store/mc", "/store/mc")
	f("/osgconnect/public/bob/d", "/osgconnect", "/osgconnect/public", "/osgconnect/public/bob")
	f("/ospool/PROTECTED/bob/d/e", "/ospool", "/ospool/PROTECTED", "/ospool/PROTECTED/bob")
	f("/ospool/ap20/data/bob/e", "/ospool", "/ospool/ap20", "/ospool/ap20/data/bob")
	f("/hcc/a/b/c/d/e", "/hcc", "/hcc/a", "/hcc/a/b/c/d")
	f("/hcc/a", "/hcc", "/hcc/a", "/hcc/a")
	f("/pnfs/fnal.gov/usr/nova/x", "/pnfs", "/pnfs/fnal.gov", "/pnfs/fnal.gov/usr/nova")
	f("/chtc/a/b", "/chtc", "/chtc/a", "/chtc")
	f("/igwn/a/b/c", "/igwn", "/igwn/a", "/igwn/a/b")
}

func TestWLCG(t *testing.T) {
	x := read()
	has(t, record.WLCG, x, row{
		"read_bytes": 4000.0, "read_single_bytes": 1000.0, "read_vector_bytes": 3000.0, "operation": "read",
		"server_host": "cache.site.example", "server_domain": "site.example", "write_average": nil,
		"CRAB_Id": "162", "CRAB_Workflow": "a:crab:my_work_flow", "CRAB_Retry": "0",
	})
	first := encode(t, record.WLCG, x)
	later := encode(t, record.WLCG, changed(func(x *transfer.Transfer) { x.Revision, x.Bytes.Read = 3, 0 }))
	if id := first["unique_id"]; id == "" || id != later["unique_id"] || first["metadata"].(map[string]any)["_id"] != id {
		t.Errorf("got the ids %v and %v, want one", id, later["unique_id"])
	}
	f := func(info string, id, flow, retry any) {
		t.Helper()
		x := changed(func(x *transfer.Transfer) { x.AppInfo = info })
		has(t, record.WLCG, x, row{"CRAB_Id": id, "CRAB_Workflow": flow, "CRAB_Retry": retry})
	}
	f("162_https://glidein.example/162/190501:101553:u:crab:W_0", "162", "190501:101553:u:crab:W", "0")
	f("my_app_1", nil, nil, nil)
	f("a_b", nil, nil, nil)
	f("_", nil, nil, nil)
	for operation, b := range map[string]transfer.Bytes{"read": {ReadV: 1, Write: 1}, "write": {Write: 1}, "unknown": {}} {
		has(t, record.WLCG, changed(func(x *transfer.Transfer) { x.Bytes = b }), row{"operation": operation})
	}
}

// What the server told, checksums included, is beside what was really written.
func TestCorrected(t *testing.T) {
	x := changed(func(x *transfer.Transfer) {
		x.Bytes, x.Raw, x.Quality = transfer.Bytes{Write: 9000001}, &transfer.Bytes{Write: 9008793}, transfer.Corrected
	})
	for _, form := range []record.Form{record.Go, record.Python} {
		has(t, form, x, row{
			"write": 9000001.0, "write_bytes_at_close": 9000001.0, "tallystick_quality": "corrected",
			"tallystick_raw": map[string]any{"read": 0.0, "readv": 0.0, "write": 9008793.0},
		})
	}
}

// Of reads of both kinds, the Python collector's read_min is the smallest.
func TestExtremes(t *testing.T) {
	f := func(read, readv transfer.Range, least, most float64) {
		t.Helper()
		x := changed(func(x *transfer.Transfer) { x.OpsDetail.Read, x.OpsDetail.ReadV = read, readv })
		has(t, record.Python, x, row{"read_min": least, "read_max": most})
	}
	none, few, many := transfer.Range{Min: 1<<31 - 1}, transfer.Range{Min: 1, Max: 5}, transfer.Range{Min: 3, Max: 9}
	f(few, many, 1, 9)
	f(many, few, 1, 9)
	f(few, none, 1, 5)
	f(none, many, 3, 9)
	f(transfer.Range{}, many, 3, 9)
	f(none, transfer.Range{}, 0, 0)
}

func TestWho(t *testing.T) {
	x := read()
	has(t, record.Go, x, row{
		"user_dn": "/DC=x/CN=Alice A", "vo": "CMS", "token_subject": "sub", "token_username": "u", "token_org": "o", "token_role": "tr",
		"token_groups": "tg", "experiment": "3", "activity": "12",
	})
	has(t, record.Python, x, row{"user_dn": "/DC=x/CN=Alice B", "vo": "CMS"})
	has(t, record.WLCG, x, row{"user_dn": "/DC=x/CN=Alice A", "user": "Alice A", "vo": "CMS", "experiment": "3"})
	x.Auth, x.Token, x.Experiment, x.Activity = nil, nil, 0, 0
	has(t, record.Go, x, row{"user_dn": "", "vo": nil, "token_subject": nil, "experiment": nil, "activity": nil})
	has(t, record.Python, x, row{"user_dn": nil, "vo": nil})
}

func TestRoutes(t *testing.T) {
	f := func(path, vo string, want ...record.Route) {
		t.Helper()
		x := changed(func(x *transfer.Transfer) { x.Path, x.Auth = path, &transfer.Auth{VO: vo} })
		var got []record.Route
		for _, r := range []record.Route{record.All, record.ToWLCG, record.Default} {
			if r.Takes(record.DefaultRule().Selects(x)) {
				got = append(got, r)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s of %q goes to %v, want %v", path, vo, got, want)
		}
	}
	f("/store/a", "", record.All, record.ToWLCG)
	f("/user/dteam/a", "x", record.All, record.ToWLCG)
	f("/user/alice", "CMS", record.All, record.ToWLCG)
	f("/user/alice", " dteam", record.All, record.ToWLCG)
	f("/user/alice", "cms2", record.All, record.Default)
	f("", "", record.All, record.Default)
	if (record.Rule{PathPrefixes: []string{""}}).Selects(read()) {
		t.Error("an empty prefix selects everything")
	}
}

func TestNames(t *testing.T) {
	var f record.Form
	var r record.Route
	if err := f.UnmarshalText([]byte("wlcg")); err != nil || f != record.WLCG {
		t.Errorf("got %q, %v", f, err)
	}
	if err := f.UnmarshalText([]byte("Go")); err == nil {
		t.Error("Go is a form")
	}
	if err := r.UnmarshalText([]byte("default")); err != nil || r != record.Default {
		t.Errorf("got %q, %v", r, err)
	}
	if err := r.UnmarshalText(nil); err == nil {
		t.Error("nothing is a route")
	}
	if _, err := record.Encode("x", read(), record.Producer{}); err == nil {
		t.Error("there is a form x")
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, form := range []record.Form{record.Go, record.Python, record.WLCG} {
		b.Run(string(form), func(b *testing.B) {
			x := read()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := record.Encode(form, x, record.Producer{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
