package stomp_test

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/go-stomp/stomp/v3/frame"

	"tallystick/internal/bus/stomp"
)

// Frames are read as go-stomp reads them, where it reads them.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{
		"", "\n", "\r\n\n", "MESSAGE\n\n\x00", "MESSAGE\na:b\n\nbody\x00\n\nRECEIPT\nreceipt-id:7\n\n\x00",
		"MESSAGE\ncontent-length:5\n\nb\x00o\ny\x00", "MESSAGE\r\na\\cb:c\\nd\\\\n\r\n\r\nx\x00", "MESSAGE\ncontent-length:99\n\nx\x00",
		"MESSAGE\na\n\n\x00", "ERROR\nmessage:x\n\n\x00", "MESSAGE\ncontent-length:-1\n\nx\x00", "MESSAGE\na:b\na:c\n\n\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := stomp.Frames(bytes.NewReader(data))
		if err == nil {
			t.Fatal("there is no end")
		}
		if bytes.Contains(data, []byte("content-length")) && len(data) > 1000 {
			return // the oracle makes room for whatever it is told
		}
		n := 0
		for in := frame.NewReader(bytes.NewReader(data)); ; n++ {
			want, err := in.Read()
			if err != nil {
				break
			}
			if n >= len(got) {
				t.Fatalf("%q: got %d frames, want more", data, n)
			}
			if (got[n] == nil) != (want == nil) {
				t.Fatalf("%q: frame %d: got %v, want %v", data, n, got[n], want)
			}
			if want == nil {
				continue
			}
			if got[n].Command != want.Command || !bytes.Equal(got[n].Body, want.Body) || got[n].Header.Len() != want.Header.Len() {
				t.Fatalf("%q: frame %d: got %+v, want %+v", data, n, got[n], want)
			}
			for i := range want.Header.Len() {
				gotKey, gotValue := got[n].Header.GetAt(i)
				key, value := want.Header.GetAt(i)
				if gotKey != key || gotValue != value {
					t.Fatalf("%q: got %q: %q, want %q: %q", data, gotKey, gotValue, key, value)
				}
			}
		}
	})
}

// Nothing is made room for because a sender says so, and what is too long is skipped.
func TestFramesAreBounded(t *testing.T) {
	f := func(text string, frames int, want string) {
		t.Helper()
		got, err := stomp.Frames(strings.NewReader(text))
		if len(got) != frames || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %d frames and %v, want %d and %s", text, len(got), err, frames, want)
		}
	}
	long := strings.Repeat("x", stomp.MaxBody+1)
	f("MESSAGE\n\n"+long+"\x00MESSAGE\n\n\x00", 1, "EOF")
	f("MESSAGE\ncontent-length:"+strconv.Itoa(len(long))+"\n\n"+long+"\x00MESSAGE\n\n\x00", 1, "EOF")
	f("MESSAGE\ncontent-length:99999999999999\n\nx", 0, "unexpected EOF")
	f("MESSAGE\na:"+strings.Repeat("x", 1<<17), 0, "too long")
	f("MESSAGE\n"+strings.Repeat("a:b\n", 257), 0, "too many headers")
	f("MESSAGE\ncontent-length:1\n\nxy", 0, "there is no zero behind a body")
	f("MESSAGE\ncontent-length:x\n\nxy", 0, `content-length is "x"`)
	f("MESSAGE\n:x\n\nxy", 0, "is not STOMP")
	claims := testing.AllocsPerRun(1, func() {
		_, err := stomp.Frames(strings.NewReader("MESSAGE\ncontent-length:16000000\n\nx"))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
	if claims > 50 {
		t.Errorf("got %v allocations", claims)
	}
}
