package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/cli"
)

// tallyIn runs a command with text on its standard input.
func tallyIn(t *testing.T, stdin string, args ...string) (stdout string, err error) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	root := (&app{cli.New("tallystick", "test", nil, &out, &diagnostics)}).rootCommand()
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

// Ensure a token is bound as asked for, by the command of either name, and inspect tells so.
func TestTokenIsBound(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, command := range [][]string{{"token"}, {"token", "create"}} {
		args := []string{
			"--subject", "agent7", "--role", "writer", "--cluster", "a,b", "--cluster", "c", "--site", "T2_A", "--client", "node7",
		}
		token, err := tallyIn(t, "", append(command, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		v, err := auth.NewVerifier(auth.Config{KeyFile: "checkpoints/key.pem"}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		u, err := v.Authenticate(&http.Request{Header: http.Header{"X-Auth-Token": {strings.TrimSpace(token)}}})
		if err != nil {
			t.Fatal(err)
		}
		want := auth.Bounds{Clusters: []string{"a", "b", "c"}, Sites: []string{"T2_A"}, Client: "node7"}
		if diff := cmp.Diff(want, u.Bounds); diff != "" {
			t.Errorf("%q: bounds (-want +got):\n%s", command, diff)
		}
		told, err := tallyIn(t, token, "token", "inspect")
		var said auth.Said
		if err := json.Unmarshal([]byte(told), &said); err != nil {
			t.Errorf("inspect printed %q: %v", told, err)
		}
		if err != nil || said.Claims["client"] != "node7" || said.Header["alg"] != "EdDSA" {
			t.Errorf("inspect: got error %v and %+v", err, said)
		}
	}
	if _, err := tallyIn(t, "", "token", "create", "--subject", "x", "--role", "writer", "--cluster", ""); err == nil {
		t.Error("a token that is bound to nothing was made")
	}
}

// Ensure inspect says of a token that is not good here what it says, and why it is refused.
func TestTokenInspectRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	token, err := tallyIn(t, "", "token", "--subject", "me", "--role", "viewer")
	if err != nil {
		t.Fatal(err)
	}
	f := func(stdin, wantOut, wantErr string, settings ...string) {
		t.Helper()
		out, err := tallyIn(t, stdin, append([]string{"token", "inspect"}, settings...)...)
		if err == nil || !strings.Contains(err.Error(), wantErr) || !strings.Contains(out, wantOut) || out != "" && wantOut == "" {
			t.Errorf("%.20q %q: got %q and error %v, want %q and %q", stdin, settings, out, err, wantOut, wantErr)
		}
	}
	f(token, `"sub": "me"`, "kid", "--set", "auth.public_key="+publicKey)
	f(token, `"sub": "me"`, "iss", "--set", "auth.issuer=i")
	f("", "", "none on standard input")
	f("hello", "", "malformed")
	f(token+token, "", "malformed")
	f(strings.Repeat("x", 1<<20), "", "longer than")
}
