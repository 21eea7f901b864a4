package arch_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A line is what a page says of a package in its table.
type line struct {
	Row    int
	NotYet bool
}

var (
	tableLine = regexp.MustCompile(`^\| (\d) \| (.+?) \| (.+) \|$`)
	quoted    = regexp.MustCompile("`([^`]+)`")
	braces    = regexp.MustCompile(`^(.*)\{(.*)\}(.*)$`)
	testName  = regexp.MustCompile("`([a-z][a-z/0-9]*)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")
)

// table reads the table of packages out of a page.
func table(page string) map[string]line {
	lines := make(map[string]line)
	for l := range strings.Lines(page) {
		m := tableLine.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		for _, q := range quoted.FindAllStringSubmatch(m[2], -1) {
			for _, pkg := range expand(q[1]) {
				lines[pkg] = line{Row: n, NotYet: strings.Contains(m[3], "(not yet)")}
			}
		}
	}
	return lines
}

// expand turns a{b,c} into ab and ac.
func expand(name string) []string {
	m := braces.FindStringSubmatch(name)
	if m == nil {
		return []string{name}
	}
	var names []string
	for alt := range strings.SplitSeq(m[2], ",") {
		names = append(names, m[1]+alt+m[3])
	}
	return names
}

func page(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// packages returns the table of section 3.
func packages(t *testing.T) map[string]line {
	t.Helper()
	_, section, ok := strings.Cut(page(t), "\n## 3. Packages\n")
	if !ok {
		t.Fatal("ARCHITECTURE.md has no section 3. Packages")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return table(section)
}

func TestPageHasTheTable(t *testing.T) {
	want := make(map[string]int)
	for n, pkgs := range rows {
		for _, p := range pkgs {
			want[p] = n
		}
	}
	got := make(map[string]int)
	for p, l := range packages(t) {
		got[p] = l.Row
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ARCHITECTURE.md section 3 and rows_test.go differ (-rows_test.go +ARCHITECTURE.md):\n%s", diff)
	}
}

func TestPageKnowsWhatIsNotYet(t *testing.T) {
	pkgs := list(t)
	for name, l := range packages(t) {
		switch _, there := pkgs[name]; {
		case there && l.NotYet:
			t.Errorf("ARCHITECTURE.md calls %s not yet, and it is there", name)
		case !there && !l.NotYet:
			t.Errorf("ARCHITECTURE.md has %s, and it is not there: write (not yet) into its line", name)
		}
	}
	for name := range later {
		if _, there := pkgs[name]; there {
			t.Errorf("%s is there: move it from the later rooms into the table", name)
		}
	}
}

func TestTableReadsAPage(t *testing.T) {
	got := table("| row | package | one line |\n| --- | --- | --- |\n" +
		"| 3 | `internal/a`, `internal/b` | two `internal/x` of them |\n" +
		"| 2 | `internal/bus/{nats,amqp}` | one broker each (not yet) |\n| x | `internal/c` | no row |\n")
	want := map[string]line{
		"internal/a": {Row: 3}, "internal/b": {Row: 3},
		"internal/bus/nats": {Row: 2, NotYet: true}, "internal/bus/amqp": {Row: 2, NotYet: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Promises are held by tests, and the page says by which: `folder.TestName`.
func TestPageNamesTestsThatExist(t *testing.T) {
	named := make(map[string]bool)
	for _, m := range testName.FindAllStringSubmatch(page(t), -1) {
		named[m[1]+"."+m[2]] = true
		if !hasTest(t, m[1], m[2]) {
			t.Errorf("ARCHITECTURE.md names %s.%s, and there is no such test", m[1], m[2])
		}
	}
	if len(named) == 0 {
		t.Error("ARCHITECTURE.md names no test")
	}
	if !hasTest(t, "internal/arch", "TestPageNamesTestsThatExist") || hasTest(t, "internal/arch", "TestThatIsNot") {
		t.Error("hasTest does not tell tests that are from tests that are not")
	}
}

// hasTest reports whether a test file in the folder declares the test.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(src), "\nfunc "+name+"(")
	})
}

func TestRowsNameEachPackageOnce(t *testing.T) {
	seen := make(map[string]bool)
	for _, pkgs := range append(slices.Clone(rows), slices.Collect(maps.Keys(later))) {
		for _, p := range pkgs {
			if seen[p] {
				t.Errorf("%s stands in two rows", p)
			}
			seen[p] = true
		}
	}
}
