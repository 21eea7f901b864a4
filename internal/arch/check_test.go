package arch_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// check returns what is wrong with a graph of imports: package to what it
// imports, own packages given below the module's path.
func check(graph map[string][]string) []string {
	var wrong []string
	for _, pkg := range slices.Sorted(maps.Keys(graph)) {
		n, ok := row(pkg)
		if !ok {
			wrong = append(wrong, pkg+" stands in no row: give it its line in rows_test.go and ARCHITECTURE.md")
			continue
		}
		for _, imp := range graph[pkg] {
			if w := checkImport(pkg, n, imp); w != "" {
				wrong = append(wrong, w)
			}
		}
	}
	return wrong
}

func checkImport(pkg string, n int, imp string) string {
	m, ours := row(imp)
	switch {
	case !ours && n <= deaf && !hears[pkg] && matches(imp, impure):
		return fmt.Sprintf("%s (row %d) imports %s: rows 0 to %d know no logger, network or file", pkg, n, imp, deaf)
	case !ours:
		return "" // somebody else's, or in no row, which is said of the package itself
	case m > n:
		return fmt.Sprintf("%s (row %d) imports %s (row %d): up", pkg, n, imp, m)
	case m == n && !strings.HasPrefix(pkg, imp+"/"): // a room within a room knows the outer one
		return fmt.Sprintf("%s (row %d) imports %s (row %d): sideways", pkg, n, imp, m)
	}
	if users, only := onlyFor[imp]; only && !slices.Contains(users, pkg) {
		return fmt.Sprintf("%s imports %s, which is for tests and %v only", pkg, imp, users)
	}
	return ""
}

// matches reports whether path is one of the patterns, or below one that ends
// in a slash.
func matches(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)
	})
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	f := func(pkg, imp, want string) {
		t.Helper()
		got := check(map[string][]string{pkg: {imp}})
		if diff := cmp.Diff(nonempty(want), got); diff != "" {
			t.Errorf("%s imports %s (-want +got):\n%s", pkg, imp, diff)
		}
	}
	f("internal/store", "internal/block", "")
	f("cmd/tallystick", "internal/block", "")
	f("internal/block", "internal/store", "internal/block (row 0) imports internal/store (row 1): up")
	f("internal/store", "internal/ledger", "internal/store (row 1) imports internal/ledger (row 1): sideways")
	f("internal/httpapi", "internal/federation", "internal/httpapi (row 4) imports internal/federation (row 4): sideways")
	f("internal/durable/durabletest", "internal/durable", "")
	f("internal/durable", "internal/durable/durabletest", "internal/durable (row 0) imports internal/durable/durabletest (row 0): sideways")
	f("internal/surprise", "fmt", "internal/surprise stands in no row: give it its line in rows_test.go and ARCHITECTURE.md")

	f("internal/store", "log/slog", "internal/store (row 1) imports log/slog: rows 0 to 1 know no logger, network or file")
	f("internal/block", "net", "internal/block (row 0) imports net: rows 0 to 1 know no logger, network or file")
	f("internal/block", "net/netip", "")
	f("internal/xrootd", "os", "internal/xrootd (row 0) imports os: rows 0 to 1 know no logger, network or file")
	f("internal/auth", "net/http", "")
	f("internal/ingest", "log/slog", "")

	f("internal/demo", "internal/capture", "")
	f("internal/httpapi", "internal/capture", "internal/httpapi imports internal/capture, which is for tests and [internal/demo] only")
	f("internal/checkpoint", "internal/durable/durabletest", "internal/checkpoint imports internal/durable/durabletest, which is for tests and [] only")
}

func nonempty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
