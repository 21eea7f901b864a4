package transfer_test

import (
	"math"
	"strings"
	"testing"

	"tallystick/internal/transfer"
)

func TestClaimCheck(t *testing.T) {
	f := func(change func(*transfer.Claim), want string) {
		t.Helper()
		c := &transfer.Claim{
			Run: "r", ID: "1", Server: "s:1094", Path: "/f", Opened: 1.5, Closed: 2.5,
			Received: &transfer.Bytes{}, Outcome: transfer.OK,
		}
		change(c)
		err := c.Check()
		switch {
		case want == "" && err != nil:
			t.Errorf("Check() = %v, want nil", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("Check() = %v, want %q", err, want)
		}
	}
	f(func(*transfer.Claim) {}, "")
	f(func(c *transfer.Claim) { c.Closed = 0 }, "")
	f(func(c *transfer.Claim) { c.Closed = c.Opened }, "")
	f(func(c *transfer.Claim) { c.Received = nil }, "neither received nor asked")
	f(func(c *transfer.Claim) { c.Received, c.Asked.Read = nil, 1 }, "")
	f(func(c *transfer.Claim) { c.Received, c.Outcome = nil, transfer.Killed }, "")
	f(func(c *transfer.Claim) { c.Run = "" }, "run is empty")
	f(func(c *transfer.Claim) { c.ID = "" }, "id is empty")
	f(func(c *transfer.Claim) { c.Server = "" }, "server is empty")
	f(func(c *transfer.Claim) { c.Path = "" }, "path is empty")
	f(func(c *transfer.Claim) { c.Opened = 0 }, "opened is not a time")
	f(func(c *transfer.Claim) { c.Opened = -1 }, "opened is not a time")
	f(func(c *transfer.Claim) { c.Opened = math.NaN() }, "opened is not a time")
	f(func(c *transfer.Claim) { c.Opened = 1e12 }, "opened is not a time") // milliseconds
	f(func(c *transfer.Claim) { c.Closed = math.NaN() }, "closed is not a time")
	f(func(c *transfer.Claim) { c.Closed = math.Inf(1) }, "closed is not a time")
	f(func(c *transfer.Claim) { c.Closed = 1 }, "closed is before opened")
	f(func(c *transfer.Claim) { c.Outcome = "fine" }, `outcome "fine"`)
	f(func(c *transfer.Claim) { c.Asked.Write = -1 }, "negative")
	f(func(c *transfer.Claim) { c.Received.ReadV = -1 }, "negative")
}

func TestBytes(t *testing.T) {
	a, b := transfer.Bytes{Read: 1, ReadV: 2, Write: 3}, transfer.Bytes{Read: 10, ReadV: 20, Write: 30}
	if got, want := a.Plus(b), (transfer.Bytes{Read: 11, ReadV: 22, Write: 33}); got != want {
		t.Errorf("sum %+v, want %+v", got, want)
	}
	if got := a.Plus(b).Minus(b); got != a {
		t.Errorf("sum less one part %+v, want the other, %+v", got, a)
	}
	if got := a.Total(); got != 6 {
		t.Errorf("total %d, want 6", got)
	}
	o := transfer.Ops{Read: 1, ReadV: 2, ReadVSegments: 3, Write: 4}
	if got, want := o.Plus(o), (transfer.Ops{Read: 2, ReadV: 4, ReadVSegments: 6, Write: 8}); got != want {
		t.Errorf("sum %+v, want %+v", got, want)
	}
}

func TestNames(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(transfer.CleanPath("a/b"), "/a/b")
	f(transfer.CleanPath("/a/b"), "/a/b")
	f(transfer.CleanPath("///a//b/"), "/a//b/")
	f(transfer.CleanPath(""), "/")
	f(transfer.CleanServer(" Data.Example:1094"), "data.example:1094")
	f(transfer.CleanHost("[::ffff:192.0.2.1]"), "192.0.2.1")
	f(transfer.CleanHost("[2001:DB8::1]"), "2001:db8::1")
	f(transfer.CleanHost("Node.Example"), "node.example")
	f((&transfer.Claim{Run: "a.b", ID: "c"}).Key(), "a.b.c")
}

func TestSameUser(t *testing.T) {
	f := func(user, reported string, want bool) {
		t.Helper()
		if got := transfer.SameUser(user, reported); got != want {
			t.Errorf("SameUser(%q, %q) = %v, want %v", user, reported, got, want)
		}
	}
	f("alice", "alice", true)
	f("alice", "bob", false)
	f("", "bob", true)
	f("alice", "", true)
	f("verylongname", "verylong", true)
	f("verylongname", "verylon", false)
	f("alice", "alic", false)
	f("verylong", "verylongname", false)
	f("bob%40x", "bob_40x", true)
}

func TestOrder(t *testing.T) {
	f := func(id string, life, file int64, ok bool) {
		t.Helper()
		gotLife, gotFile, gotOK := (&transfer.Transfer{ID: id}).Order()
		if gotLife != life || gotFile != file || gotOK != ok {
			t.Errorf("order of %q is %d, %d, %v; want %d, %d, %v", id, gotLife, gotFile, gotOK, life, file, ok)
		}
	}
	f("140737488355328.1795324867.4294967295", 1795324867, 4294967295, true)
	f("host.example.1795324867.4", 1795324867, 4, true)
	f("1795324867.4", 0, 0, false)
	f("1.2.x", 0, 0, false)
	f("", 0, 0, false)
	if ok := (&transfer.Transfer{Server: "A:1", Address: "192.0.2.1:1"}).Named("a:1"); !ok {
		t.Error("not found by its name in lower case")
	}
}

func TestInterval(t *testing.T) {
	if (transfer.Interval{}).Known() || !(transfer.Interval{0, 5}).Known() {
		t.Error("only the zero interval is unknown")
	}
}
