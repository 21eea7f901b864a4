package arch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the checkout, seen from here.
const root = "../.."

// A listed is what go list says of a package.
type listed struct {
	Dir     string
	Path    string `json:"ImportPath"`
	GoFiles []string
	Imports []string
}

// list returns all packages of the module.
func list(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=Dir,ImportPath,GoFiles,Imports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	pkgs := make(map[string]listed)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		name, ok := own(p.Path)
		if !ok {
			name = p.Path // the module's own folder
		}
		pkgs[name] = p
	}
}

func TestImportsPointDown(t *testing.T) {
	graph := make(map[string][]string)
	for name, p := range list(t) {
		for _, imp := range p.Imports {
			if o, ok := own(imp); ok {
				imp = o
			}
			graph[name] = append(graph[name], imp)
		}
		if len(p.Imports) == 0 {
			graph[name] = nil
		}
	}
	if len(graph) < 10 {
		t.Fatalf("go list knows %d packages, which cannot be all", len(graph))
	}
	for _, w := range check(graph) {
		t.Error(w)
	}
}

func TestDeafPackagesHaveNoClockAndNoGoroutine(t *testing.T) {
	for name, p := range list(t) {
		if n, ok := row(name); !ok || n > deaf || hears[name] {
			continue
		}
		for _, file := range p.GoFiles {
			for _, w := range hearing(t, filepath.Join(p.Dir, file), nil) {
				t.Errorf("%s/%s", name, w)
			}
		}
	}
}

// clock are the functions of package time that read a clock or wait for one.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Sleep", "Tick"}

// hearing returns the places in a Go file that read a clock or start a
// goroutine. The source is read from the file if it is nil.
func hearing(t *testing.T, file string, src any) []string {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	say := func(n ast.Node, what string) {
		found = append(found, fmt.Sprintf("%s:%d: %s", filepath.Base(file), fset.Position(n.Pos()).Line, what))
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			say(n, "starts a goroutine")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				say(n, "uses time."+n.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestHearingFindsClockAndGoroutine(t *testing.T) {
	src := `package p
import "time"
func f(now time.Time) {
	_ = time.Unix(now.Unix(), 0)
	go f(time.Now())
}`
	got := hearing(t, "p.go", src)
	want := []string{"p.go:5: starts a goroutine", "p.go:5: uses time.Now"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
