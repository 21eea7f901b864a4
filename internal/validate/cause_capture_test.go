package validate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/capture"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// causes counts the verdicts of r by kind and cause, without those of which there is
// nothing to explain.
func causes(r *validate.Report) map[string]int {
	n := make(map[string]int)
	for _, v := range r.Verdicts {
		if v.Cause != transfer.CauseExact {
			n[fmt.Sprintf("%s %s", v.Kind, v.Cause)]++
		}
	}
	return n
}

// Ensure that each difference has the cause that check.json and notes.md of the
// capture give for it.
func TestCapturesCauses(t *testing.T) {
	f := func(name string, want map[string]int) {
		t.Helper()
		r := throughCollector(t, name, func([]capture.Packet) {})
		if d := cmp.Diff(want, causes(r)); d != "" {
			var table strings.Builder
			_ = validate.WriteTable(&table, r)
			t.Errorf("%s (-want +got):\n%s%s", name, d, table.String())
		}
	}
	f("l01_two_sessions", map[string]int{})
	f("l02_infos_wrap", map[string]int{})
	f("s01_full_reads", map[string]int{})
	f("s02_partial_vector", map[string]int{"differ read-past-end": 1})
	f("s12_gstream", map[string]int{"differ async-cache-read": 24, "differ not-monitored": 3, "failed client-failed": 2})
	f("s03_concurrent_users", map[string]int{"differ read-past-end": 4, "failed client-failed": 2})
	f("s05_failures_names", map[string]int{"failed client-failed": 3})
	f("s06_killed_longlived", map[string]int{"failed killed-client": 2})
	f("s08_restart", map[string]int{"differ server-stopped": 1, "missing server-stopped": 4})
	f("v05_http", map[string]int{"differ http-put-unreported": 2, "differ killed-client": 1, "failed client-failed": 4})
	f("v06_proxy", map[string]int{
		"differ async-cache-read": 21, "differ client-failed": 8, "differ read-past-end": 8,
		"extra read-past-end": 2, "failed client-failed": 8,
	})
	f("s14_configs", map[string]int{
		"differ no-close-by-config": 5, "missing no-close-by-config": 10, // lfn; bare and userops
		"missing not-monitored": 14, // barexfr and useropsxfr tell of no name; files of no file, but for a write that the t stream counts
		"extra not-monitored":   10, "extra open": 10,
		"failed client-failed": 9,
	})
}
