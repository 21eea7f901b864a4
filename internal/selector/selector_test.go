package selector_test

import (
	"slices"
	"strings"
	"testing"

	"tallystick/internal/selector"
)

func path(s ...string) selector.Path {
	s = append(s, make([]string, 6-len(s))...)
	return selector.Path{
		Cluster: s[0], Node: s[1],
		Component: selector.Part{Type: s[2], ID: s[3]},
		Sub:       selector.Part{Type: s[4], ID: s[5]},
	}
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", selector.MaxName)
	f := func(p selector.Path, want string) {
		t.Helper()
		err := p.Check()
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%+v: got %v, want %q", p, err, want)
		}
	}
	f(path("a", "b"), "")
	f(path("a", "b", "c", "d"), "")
	f(path("a", "b", "c", "d", "e", "f"), "")
	f(path("a", "[::1]:1094"), "")
	f(path(long, long, long, long, long, long), "")
	f(path("a", "b", "c", "d", "filesystem", "/home/../x"), "")
	f(path("ä", "b b"), "")

	f(path(), "cluster is empty")
	f(path("a"), "node is empty")
	f(path("", "b"), "cluster is empty")
	f(path("a", "b", "", "d"), "type is empty")
	f(path("a", "b", "c"), "type-id is empty")
	f(path("a", "b", "c", "d", "", "f"), "stype is empty")
	f(path("a", "b", "c", "d", "e"), "stype-id is empty")
	f(path("a", "b", "", "", "e", "f"), `stype "e" without a type`)
	f(path(long+"x", "b"), "cluster is longer than 255 bytes")
	f(path("a", "b", "c", long+"x"), "type-id is longer than 255 bytes")
	f(path("a/b", "b"), `cluster "a/b" has path characters`)
	f(path("a", `b\`), `node "b\\" has path characters`)
	f(path("a", ".."), `node ".." has path characters`)
	f(path("."), `cluster "." has path characters`)
	f(path("a", "b", "c/", "d"), `type "c/" has path characters`)
	f(path("a", "b\n"), `node "b\n" has control characters`)
	f(path("a", "b", "c", "d\x7f"), `type-id "d\x7f" has control characters`)
}

func TestCompare(t *testing.T) {
	sorted := []selector.Path{
		path(),
		path("a"),
		path("a", "b"),
		path("a", "b", "a", "b1"),
		path("a", "b", "ab", "1"),
		path("a", "b", "ab", "1", "x", "y"),
		path("a", "b", "ab", "2"),
		path("a", "c"),
		path("b"),
	}
	for i, p := range sorted {
		for j, q := range sorted {
			if got, want := p.Compare(q) < 0, i < j; got != want {
				t.Errorf("%q before %q: got %v, want %v", p, q, got, want)
			}
		}
	}
}

func TestContains(t *testing.T) {
	f := func(p, q selector.Path, want bool) {
		t.Helper()
		if got := p.Contains(q); got != want {
			t.Errorf("%q contains %q: got %v, want %v", p, q, got, want)
		}
	}
	leaf := path("a", "b", "c", "d", "e", "f")
	for _, p := range []selector.Path{path(), path("a"), path("a", "b"), path("a", "b", "c", "d"), leaf} {
		f(p, leaf, true)
		f(leaf, p, p == leaf)
	}
	f(path("b"), leaf, false)
	f(path("a", "c"), leaf, false)
	f(path("a", "b", "cd", ""), leaf, false)
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		p    selector.Path
		want string
	}{
		{path("a"), "a"},
		{path("a", "b"), "a/b"},
		{path("a", "b", "c", "d"), "a/b/c=d"},
		{path("a", "b", "c", "d", "e", "f"), "a/b/c=d/e=f"},
	} {
		if got := c.p.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// FuzzPath holds what others build upon: a level that may be written to has no
// hole and no name that could leave a folder, and order puts parents first.
func FuzzPath(f *testing.F) {
	f.Add("a", "b", "c", "d", "e", "f")
	f.Add("a", "..", "", "", "", "")
	f.Add("a", "b", "", "", "e", "f")
	f.Add("a\x00", "b/", "c", "/home", "", "")
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g string) {
		p := path(a, b, c, d, e, g)
		if p.Check() != nil {
			return
		}
		names := []string{a, b, c, d, e, g}
		end := slices.Index(names, "")
		if end >= 0 && (end%2 == 1 || strings.Join(names[end:], "") != "") {
			t.Errorf("%q has a hole", names)
		}
		for _, name := range []string{a, b, c, e} {
			if strings.ContainsAny(name, "/\\\x00") || name == ".." {
				t.Errorf("%q is no name of a file", name)
			}
		}
		for _, parent := range []selector.Path{{}, path(a), path(a, b), path(a, b, c, d)} {
			if !parent.Contains(p) || parent.Compare(p) > 0 {
				t.Errorf("%q is not above %q", parent, p)
			}
		}
	})
}
