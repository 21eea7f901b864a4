package main

import (
	"bytes"
	"strings"
	"testing"

	"tallystick/internal/cli"
)

// A users runs `tallystick user` on a database of its own.
type users struct {
	*testing.T
	dir string
}

func (u *users) run(stdin string, args ...string) (code int, stdout, stderr string) {
	u.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"user"}, args...)
	args = append(args, "--set", "data_dir="+u.dir, "--set", "auth.accounts.database=accounts.db")
	code = executeWith(u.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func (u *users) want(code int, text, stdin string, args ...string) {
	u.Helper()
	got, out, errs := u.run(stdin, args...)
	if got != code || !strings.Contains(out+errs, text) {
		u.Errorf("user %q: got %d %q %q, want %d and %q", args, got, out, errs, code, text)
	}
}

// Ensure accounts are made, listed, changed and deleted by commands.
func TestUser(t *testing.T) {
	u := &users{t, t.TempDir()}
	u.want(cli.OK, "", "secret\n", "add", "alice", "--role", "viewer,validator", "--email", "a@example.org")
	u.want(cli.OK, "alice  viewer,validator  local   enabled  a@example.org", "", "list")
	u.want(cli.Failure, "there is such an account already", "secret\n", "add", "alice", "--role", "viewer")
	u.want(cli.OK, "", "", "role", "alice", "--role", "admin")
	u.want(cli.OK, "", "", "disable", "alice")
	u.want(cli.OK, "alice  admin  local   disabled", "", "list")
	u.want(cli.OK, "", "", "enable", "alice")
	u.want(cli.OK, "", "other\n", "passwd", "alice")
	u.want(cli.OK, "", "", "delete", "alice")
	u.want(cli.Failure, "alice: there is no such account", "", "delete", "alice")
	u.want(cli.Failure, "bob: there is no such account", "x\n", "passwd", "bob")
}

// Ensure what cannot be an account is refused, and makes none.
func TestUserRefused(t *testing.T) {
	u := &users{t, t.TempDir()}
	u.want(cli.Usage, `required flag(s) "role"`, "x\n", "add", "alice")
	u.want(cli.Usage, "--role", "x\n", "add", "alice", "--role", "root")
	u.want(cli.Usage, "--hash", "", "add", "alice", "--role", "viewer", "--hash", "secret")
	u.want(cli.Usage, "the name is empty", "x\n", "add", "", "--role", "viewer")
	u.want(cli.Failure, "the password is empty", "\n", "add", "alice", "--role", "viewer")
	u.want(cli.Failure, "has a NUL", "a\x00b\n", "add", "alice", "--role", "viewer")
	if code, out, _ := u.run("", "list"); code != cli.OK || strings.Count(out, "\n") != 1 {
		t.Errorf("got %d %q, want no accounts", code, out)
	}
	var out bytes.Buffer
	if code := execute(t.Context(), []string{"user", "list"}, &out, &out); code != cli.Failure || !strings.Contains(out.String(), "auth.accounts.database") {
		t.Errorf("without a database: got %d %q", code, out.String())
	}
}
