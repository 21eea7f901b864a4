package phase_test

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/phase"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// files returns made-up files in the forms of both phases.
func files() fstest.MapFS {
	f := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"ff/a_requested.json": f(`{"000": "v_000.bin", "001": "v_001.bin"}`),
		"ff/a_recorded.txt":   f(`{"000": ["/v_000.bin", 256], "001": ["/v_001.bin", 255]}`),
		"br/b_requested.json": f(`{"000": ["m", 524288]}`),
		"br/b_recorded.txt":   f(`{"000": ["/m", 524288]}`),
		"vr/c_requested.json": f(`{"000": ["m", [[5, 105], [200, 300]]], "001": ["m", [[0, 5242880]]]}`),
		"vr/c_recorded.txt":   f(`{"000": ["/m", 200, 0, 200, "/CN=x"], "001": ["/m", 0]}`),
		"vr/d_requested.json": f(`{"010": ["m", [[0, 100]]]}`),
		"vr/d_recorded.txt":   f(`{"000": ["/m", 200, 0, 200, "/CN=x"]}`),
		"vr/e_requested.json": f(`{"020": ["m", [[0, 100]]]}`),
		"ll/f_requested.json": f(`{"099": ["m", 30, 3, 10], "100": ["m", 30, 3, 10]}`),
		"ll/f_recorded.txt":   f(`{"099": ["/m", 20], "100": ["/m", 15]}`),
		"p2/g_r0_1_req.json":  f(`{"000": {"server": "s:1", "filename": "x"}, "001": {"server": "s:1", "filename": "y"}, "002": {"server": "s:1", "filename": "z"}}`),
		"p2/g_r0_1_rec.json":  f(`{"000": {"server": "s:1", "filename": "x", "read_bytes": 7}, "001": {"server": "t:1", "filename": "y", "read_bytes": 7}}`),
	}
}

func judge(t *testing.T, fsys fstest.MapFS) map[string]phase.Result {
	t.Helper()
	tests, err := phase.Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]phase.Result)
	for _, r := range phase.Judge(tests) {
		out[r.Test] = r
	}
	return out
}

// Ensure that each form is read, and judged as it was then and as it is now.
func TestJudge(t *testing.T) {
	results := judge(t, files())
	f := func(test string, verdict phase.Verdict, then phase.Counts, requested, recorded int64, causes ...string) {
		t.Helper()
		r := results[test]
		if r.Verdict != verdict || r.Then != then || r.Requested != requested || r.Recorded != recorded {
			t.Errorf("%s: %s, %+v, %d of %d bytes; want %s, %+v, %d of %d", test, r.Verdict, r.Then, r.Recorded, r.Requested, verdict, then, recorded, requested)
		}
		if r.Report == nil {
			return
		}
		var got []string
		for _, v := range r.Report.Verdicts {
			if v.Claim != nil {
				got = append(got, v.Claim.ID+" "+string(v.Cause)+strings.TrimSuffix(" "+v.Detail, " "))
			}
		}
		if d := cmp.Diff(causes, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test, d)
		}
	}
	f("ff/a", phase.Mismatch, phase.Counts{Good: 1, Wrong: 1}, 512, 511, "000 exact", "001 unexplained")
	f("br/b", phase.Match, phase.Counts{Good: 1}, 524288, 524288, "000 exact")
	f("vr/c", phase.Mismatch, phase.Counts{Good: 1, Wrong: 1}, 5243080, 200,
		"000 exact", "001 client-failed a vector read with an element of more than 2097136 bytes, which servers refuse")
	f("vr/d", phase.Mismatch, phase.Counts{Missing: 1, Extra: 1}, 100, 0, "010 not-monitored nothing came from vr/d at that time")
	f("vr/e", phase.Unrecorded, phase.Counts{Missing: 1}, 100, 0, "020 not-monitored nothing came from vr/e at that time")
	f("ll/f", phase.Mismatch, phase.Counts{Wrong: 2}, 60, 35, "099 partial 2 of 3 reads", "100 unexplained")
	f("p2/g_r0_1", phase.Mismatch, phase.Counts{Good: 1, Wrong: 1, Missing: 1}, 0, 14,
		"000 exact", "001 unexplained", "002 unexplained")
}

// Ensure that a file that is in no known form is told, and the others are read.
func TestReadDamaged(t *testing.T) {
	fsys := files()
	fsys["bad/x_requested.json"] = &fstest.MapFile{Data: []byte(`{"000": 7}`)}
	fsys["bad/y_requested.json"] = &fstest.MapFile{Data: []byte(`{"000"`)}
	fsys["bad/z_requested.json"] = &fstest.MapFile{Data: []byte(`{"000": "f"}`)}
	fsys["bad/z_recorded.txt"] = &fstest.MapFile{Data: []byte(`{"000": ["f"]}`)}
	tests, err := phase.Read(fsys)
	if err == nil || len(tests) != 7 {
		t.Fatalf("%d tests, %v; want the 7 good ones, and an error", len(tests), err)
	}
	for _, want := range []string{`bad/x_requested.json: id "000"`, "bad/y_requested.json", `bad/z_recorded.txt: id "000"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: nothing of %s", err, want)
		}
	}
}

// Ensure that what is written is read again with the same verdicts.
func TestWrite(t *testing.T) {
	for _, form := range []int{1, 2} {
		out := make(fstest.MapFS)
		for _, r := range judge(t, files()) {
			written, err := phase.Write(r.Report, form)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range written {
				if path.Base(f.Name) != f.Name || !json.Valid(f.Data) {
					t.Errorf("%s: %s", f.Name, f.Data)
				}
				out[f.Name] = &fstest.MapFile{Data: f.Data}
			}
		}
		got := judge(t, out)
		if r := got["br_b"]; r.Verdict != phase.Match {
			t.Errorf("phase %d: %s, want match", form, r.Verdict)
		}
		if r := got["ll_f"]; form == 1 && (r.Verdict != phase.Mismatch || r.Then.Wrong != 2) {
			t.Errorf("phase %d: %+v", form, r.Then)
		}
	}
	if _, err := phase.Write(judge(t, files())["br/b"].Report, 3); err == nil {
		t.Error("phase 3 was written")
	}
}

// Ensure that the files of the first validation give what was worked out of them by
// hand. A sample of them gives what is in the sample.
func TestPhase1(t *testing.T) {
	dir := os.Getenv("TALLYTEST_PHASE1")
	if dir == "" {
		t.Skip("TALLYTEST_PHASE1 names no folder")
	}
	tests, err := phase.Read(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	results := phase.Judge(tests)
	s := phase.Sum(results)
	if s.Tests == 87 {
		want := phase.Totals{
			Tests: 87, Match: 80, Mismatch: 6, Unrec: 1, Requests: 4679, Then: phase.Counts{Good: 4495, Wrong: 164, Missing: 20, Extra: 10},
			Requested: 37531319296, Recorded: 28905733120,
			Causes: map[transfer.Cause]int{transfer.CauseExact: 4495, transfer.ClientFailed: 160, transfer.Partial: 4, transfer.NotMonitored: 20},
		}
		if d := cmp.Diff(want, s); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	for _, r := range results {
		checkPhase1(t, &r)
	}
}

// checkPhase1 checks a test of phase 1 by what its folder and name say of it.
func checkPhase1(t *testing.T, r *phase.Result) {
	t.Helper()
	n := r.Requests
	want, cause, then := phase.Match, transfer.CauseExact, phase.Counts{Good: n}
	switch r.Test {
	case "vr/tests_out_failed/vr_03", "vr/tests_out_failed/vr_06", "vr/tests_out_failed/vr_09":
		want, cause, then = phase.Mismatch, transfer.ClientFailed, phase.Counts{Wrong: n}
	case "vr/tests_out/vr_02":
		want, cause, then = phase.Mismatch, transfer.NotMonitored, phase.Counts{Missing: n, Extra: 10}
	case "vr/tests_out/vr_03":
		want, cause, then = phase.Unrecorded, transfer.NotMonitored, phase.Counts{Missing: n}
	case "ll/tests_out_ll_03/ll_03":
		want, cause, then = phase.Mismatch, transfer.Partial, phase.Counts{Good: 1, Wrong: 3}
	case "ll/tests_out/ll_xx":
		want, cause, then = phase.Mismatch, transfer.Partial, phase.Counts{Wrong: n}
	}
	if r.Verdict != want || r.Then != then {
		t.Errorf("%s: %s, %+v, want %s, %+v", r.Test, r.Verdict, r.Then, want, then)
	}
	for _, v := range r.Report.Verdicts {
		if v.Claim != nil && v.Cause != cause && v.Cause != transfer.CauseExact {
			t.Errorf("%s: %s is %s, want %s", r.Test, v.Claim.ID, v.Cause, cause)
		}
	}
}

// Ensure what was asked for as one number is compared with one number, however the server tells it.
func TestOneNumber(t *testing.T) {
	got := judge(t, fstest.MapFS{
		"a_requested.json": {Data: []byte(`{"1": ["data/f", 300], "2": ["data/f", 300]}`)},
		"a_recorded.txt":   {Data: []byte(`{"1": ["/data/f", 300, 100, 200, "u"], "2": ["/data/f", 299, 100, 199, "u"]}`)},
	})["a"]
	var causes []transfer.Cause
	for _, v := range got.Report.Verdicts {
		causes = append(causes, v.Cause)
	}
	if want := []transfer.Cause{transfer.CauseExact, transfer.CauseUnexplained}; !slices.Equal(causes, want) {
		t.Errorf("got %v, want %v", causes, want)
	}
}

// Ensure that in the form of phase 2, which compared servers by name and no bytes, a server has the name
// that clients have for it, and another one its own.
func TestWriteServers(t *testing.T) {
	f := func(asked string, want phase.Counts) {
		t.Helper()
		x := &transfer.Transfer{ID: "1.1.1", Server: "vm:1094", Address: "192.0.2.7:1094", Path: "/f", Bytes: transfer.Bytes{Read: 7}}
		c := &transfer.Claim{Run: "r", ID: "1", Server: asked, Path: "/f", Asked: transfer.Bytes{Read: 7}}
		written, err := phase.Write(&validate.Report{Verdicts: []transfer.Verdict{{Claim: c, Transfers: []*transfer.Transfer{x}, Monitored: x.Bytes}}}, 2)
		if err != nil {
			t.Fatal(err)
		}
		out := make(fstest.MapFS)
		for _, f := range written {
			out[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		if got := judge(t, out)["r"].Then; got != want {
			t.Errorf("asked %s: got %+v, want %+v", asked, got, want)
		}
	}
	f("vm:1094", phase.Counts{Good: 1})
	f("VM:1094", phase.Counts{Good: 1})
	f("192.0.2.7:1094", phase.Counts{Good: 1})
	f("other:1094", phase.Counts{Wrong: 1})
}
