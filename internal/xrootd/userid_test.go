package xrootd_test

import (
	"strings"
	"testing"

	"tallystick/internal/xrootd"
)

func TestParseUserID(t *testing.T) {
	f := func(text string, want xrootd.UserID) {
		t.Helper()
		got, err := xrootd.ParseUserID([]byte(text))
		if err != nil {
			t.Error(err)
		}
		wantEqual(t, got, want)
	}
	f("xroot/bob.1002:56308042893772@[::ffff:127.0.0.1]",
		xrootd.UserID{Protocol: "xroot", User: "bob", PID: 1002, SID: 56308042893772, Host: "[::ffff:127.0.0.1]"})
	f("=/root.982:56308042893772@vm", xrootd.UserID{User: "root", PID: 982, SID: 56308042893772, Host: "vm"})
	f("xroot/a.b.c.7:1@host.example.org", xrootd.UserID{Protocol: "xroot", User: "a.b.c", PID: 7, SID: 1, Host: "host.example.org"})
	f("u24.5:1@h", xrootd.UserID{User: "u24", PID: 5, SID: 1, Host: "h"})
	f("http/unknown.3:1@[2001:db8::1]", xrootd.UserID{Protocol: "http", User: "unknown", PID: 3, SID: 1, Host: "[2001:db8::1]"})
	f("xroot/a@b:c/d.7:1@h", xrootd.UserID{Protocol: "xroot", User: "a@b:c/d", PID: 7, SID: 1, Host: "h"}) // the client's own word
	f("xroot/.7:1@", xrootd.UserID{Protocol: "xroot", PID: 7, SID: 1})
}

func TestParseUserIDErrors(t *testing.T) {
	f := func(text string, offset int) {
		t.Helper()
		got, err := xrootd.ParseUserID([]byte(text))
		wantError(t, err, xrootd.ReasonUser, offset)
		wantEqual(t, got, xrootd.UserID{})
	}
	f("", 0)
	f("/store/file", 11)
	f("a.1@h", 3)
	f("a:1@h", 1)
	f("a.x:1@h", 2)
	f("a.1:@h", 4)
	f("a.1:-1@h", 4)
	f("a.1:99999999999999999999@h", 4)
	f(strings.Repeat("a", 1281), 1280)
}

func TestClientHost(t *testing.T) {
	f := func(host, want string) {
		t.Helper()
		if got := (xrootd.UserID{Host: host}).ClientHost(); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
	f("[::ffff:127.0.0.1]", "127.0.0.1")
	f("[::FFFF:10.1.2.3]", "10.1.2.3")
	f("[2001:db8::1]", "2001:db8::1")
	f("[::ffff:7f00:1]", "::ffff:7f00:1") // IPv4 in hexadecimal stays what it is
	f("[::ffff:]", "::ffff:")
	f("wn1.example.org", "wn1.example.org")
	f("::ffff:1.2.3.4", "::ffff:1.2.3.4") // without brackets it is a name
	f("[", "[")
	f("[]", "")
	f("", "")
}
