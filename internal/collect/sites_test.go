package collect_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
)

// Ensure the sites of an address are those of all servers that are named there, and no others.
func TestSites(t *testing.T) {
	cfg := collect.Default()
	cfg.Servers = map[string]collect.Name{
		"192.0.2.1":           {Site: "T2_A"},
		"192.0.2.2:1094":      {Site: "T2_A"},
		"192.0.2.2:1095":      {Site: "T2_B"},
		"192.0.2.3":           {Name: "one.example:1094"},
		"2001:db8::1":         {Site: "T2_C"},
		"[2001:db8::2]:1094":  {Site: "T2_C"},
		"::ffff:192.0.2.4":    {Site: "T2_D"},
		"[::ffff:192.0.2.5]:": {Site: "T2_E"},
	}
	sites := cfg.Sites()
	f := func(remote string, want ...string) {
		t.Helper()
		got := slices.Sorted(slices.Values(sites.Of(remote)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", remote, diff)
		}
	}
	f("192.0.2.1:40000", "T2_A")
	f("[::ffff:192.0.2.1]:40000", "T2_A")
	f("192.0.2.2:40000", "T2_A", "T2_B")
	f("192.0.2.3:40000", "") // it names its site itself
	f("[2001:db8::1]:40000", "T2_C")
	f("[2001:db8::2]:40000", "T2_C")
	f("192.0.2.4:40000", "T2_D")
	f("192.0.2.9:40000")
	f("one.example:1094")
	f("")
}
