package shovel_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"tallystick/internal/shovel"
)

// Ensure a message is that of the field's shoveler to the byte: testdata/field.jsonl is what version
// 2.3.0 published of datagrams of a real server.
func TestFieldMessages(t *testing.T) {
	f, err := os.Open("testdata/field.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		want := lines.Bytes()
		var m message
		if err := json.Unmarshal(want, &m); err != nil {
			t.Fatal(err)
		}
		got := shovel.AppendMessage(nil, &shovel.Datagram{Remote: m.Remote, Data: m.Data}, shovel.Plain)
		if !bytes.Equal(got, want) {
			t.Fatalf("line %d:\n got %s\nwant %s", n+1, got, want)
		}
		if !shovel.Verify(m.Data) {
			t.Errorf("line %d: it would be dropped", n+1)
		}
	}
	if n == 0 {
		t.Error("there is no message")
	}
}

// Ensure what must be escaped in JSON is.
func TestMessageEscapes(t *testing.T) {
	for _, remote := range []string{"a\"b:1", "a\\b", "a\nb", "<&>", "é\xff", ""} {
		var m message
		raw := shovel.AppendMessage(nil, &shovel.Datagram{Remote: remote, Life: remote}, shovel.Extended)
		want, err := json.Marshal(remote)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &m); err != nil || !bytes.HasPrefix(raw, append([]byte(`{"remote":`), want...)) {
			t.Errorf("%q: got %s, %v", remote, raw, err)
		}
	}
}

func TestVerify(t *testing.T) {
	f := func(b string, want bool) {
		t.Helper()
		if got := shovel.Verify([]byte(b)); got != want {
			t.Errorf("%q: got %v, want %v", b, got, want)
		}
	}
	f("f\x00\x00\x08\x00\x00\x00\x01", true)
	f("?\x00\x00\x08\x00\x00\x00\x01", true) // a kind that is not known yet
	f("f\x00\x00\x09\x00\x00\x00\x01", false)
	f("f\x00\x00\x07\x00\x00\x00\x01", false)
	f("u\x00\x00\x09\x00\x00\x00\x01", true) // XRootD cut it
	f("f\x00\x00\x07\x00\x00\x00", false)
	f("", false)
	f("<statistics", true)
	f(`{"code":"g"}`, true)
	f(`{"event":"file_close"}`, true)
	f("code=g&pseq=1", true)
	f("hello, this is no datagram", false)
}

func TestRemote(t *testing.T) {
	m := map[string]string{"all": "192.0.2.1", "10.0.0.0/8": "192.0.2.2", "10.1.2.3": "host.example.org", "2001:db8::/32": "2001:db8::9"}
	f := func(m map[string]string, from, want string) {
		t.Helper()
		if got, err := shovel.Remote(m, from); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", from, got, err, want)
		}
	}
	f(nil, "10.1.2.3:1", "10.1.2.3:1")
	f(m, "198.51.100.1:1094", "192.0.2.1:1094")
	f(m, "10.9.9.9:1", "192.0.2.2:1")
	f(m, "10.1.2.3:1", "host.example.org:1")
	f(m, "[::ffff:10.1.2.3]:1", "host.example.org:1")
	f(m, "[2001:db8::1]:1", "[2001:db8::9]:1")
	f(map[string]string{"10.1.2.3": "192.0.2.3"}, "10.1.2.4:1", "10.1.2.4:1")
	for _, bad := range []string{"", "x", "10.0.0.0/33", "10.1.2"} {
		if _, err := shovel.Remote(map[string]string{bad: "192.0.2.3"}, "10.1.2.3:1"); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}
