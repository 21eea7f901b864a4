package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"tallystick/internal/httpapi"
)

// A packer packs in one way of a coding.
type packer struct {
	coding string
	pack   func(plain []byte) []byte
}

// written packs with what w returns.
func written(w func(io.Writer) io.WriteCloser) func([]byte) []byte {
	return func(plain []byte) []byte {
		var b bytes.Buffer
		z := w(&b)
		_, err := z.Write(plain)
		if err := errors.Join(err, z.Close()); err != nil {
			panic(err)
		}
		return b.Bytes()
	}
}

func packers() map[string]packer {
	return map[string]packer{
		"gzip":                         {"gzip", written(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })},
		"zstd":                         {"zstd", written(zstdWriter(1 << 20))},
		"zstd with the largest window": {"zstd", written(zstdWriter(httpapi.MaxWindow))},
		"s2":                           {"s2", written(func(w io.Writer) io.WriteCloser { return s2.NewWriter(w) })},
		"snappy stream":                {"snappy", written(func(w io.Writer) io.WriteCloser { return snappy.NewBufferedWriter(w) })},
		"snappy block":                 {"snappy", func(plain []byte) []byte { return snappy.Encode(nil, plain) }},
		"snappy from s2":               {"snappy", func(plain []byte) []byte { return s2.EncodeSnappyBetter(nil, plain) }},
	}
}

func zstdWriter(window int) func(io.Writer) io.WriteCloser {
	return func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		return z
	}
}

// Ensure every coding gives the same lines, is bounded packed and unpacked, and
// says what was taken when it breaks off.
func TestCodings(t *testing.T) {
	const limit = 50_000
	s := newServer(t, httpapi.Config{MaxBody: limit})
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "m%d value=%d\n", i, i*i)
	}
	plain := []byte(lines.String())
	for name, p := range packers() {
		post := func(body []byte) told {
			s.intake.lines = nil
			return s.do(asked{
				method: http.MethodPost, path: "/api/v1/write", body: bytes.NewReader(body),
				header: map[string]string{"Content-Encoding": p.coding},
			})
		}
		packed := p.pack(plain)
		if got := post(packed); got.status != http.StatusNoContent || strings.Join(s.intake.lines, "\n")+"\n" != string(plain) {
			t.Errorf("%s: got %d %s, and %d lines", name, got.status, got.body, len(s.intake.lines))
		}
		for _, cut := range []int{1, len(packed) / 2, len(packed) - 1} {
			f := s.wantError(post(packed[:cut]), http.StatusBadRequest, "bad_request", "")
			if f.Accepted != len(s.intake.lines) {
				t.Errorf("%s, cut after %d bytes: %d accepted, %d taken", name, cut, f.Accepted, len(s.intake.lines))
			}
		}
		f := s.wantError(post(p.pack(bytes.Repeat([]byte("m value=1\n"), limit/10+1))), http.StatusRequestEntityTooLarge, "too_large", "")
		if f.Accepted != len(s.intake.lines) || f.Accepted != limit/10 {
			t.Errorf("%s, too long: %d accepted, %d taken", name, f.Accepted, len(s.intake.lines))
		}
		s.wantError(post([]byte("m value=1\nm value=2\n")), http.StatusBadRequest, "bad_request", "")
	}
}

// Ensure no sender makes the server remember more than it may.
func TestCodingsAskForTooMuch(t *testing.T) {
	claims := binary.AppendUvarint(nil, httpapi.MaxBlock)
	f := func(name, coding string, packed []byte) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plain, err := httpapi.Unpack(bytes.NewReader(packed), coding)
		if err == nil {
			_, err = io.Copy(io.Discard, plain)
		}
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s is unpacked", name)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
			t.Errorf("%s: took %d bytes", name, took)
		}
	}
	f("a window beyond the largest", "zstd", written(zstdWriter(4*httpapi.MaxWindow))(make([]byte, 1<<20)))
	f("a block that claims much", "snappy", append(claims, 0, 0))
	f("a block that claims too much", "snappy", append(binary.AppendUvarint(nil, httpapi.MaxBlock+1), make([]byte, 1<<20)...))
	f("a block that claims all", "snappy", append(binary.AppendUvarint(nil, 1<<31), 0))
}

// Ensure what is packed in any way gives what was packed, and anything else an
// error or an end.
func FuzzUnpack(f *testing.F) {
	for _, p := range packers() {
		f.Add(p.coding, p.pack([]byte(strings.Repeat("m value=1\n", 10))))
	}
	f.Fuzz(func(t *testing.T, coding string, packed []byte) {
		const limit = 1 << 20
		plain, err := httpapi.Unpack(bytes.NewReader(packed), coding)
		if err != nil {
			return
		}
		if n, _ := io.Copy(io.Discard, io.LimitReader(plain, limit)); n == limit {
			return
		}
		for _, p := range packers() {
			if p.coding != coding {
				continue
			}
			again, err := httpapi.Unpack(bytes.NewReader(p.pack(packed)), coding)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(again); err != nil || !bytes.Equal(got, packed) {
				t.Fatalf("%s: got %q, %v", coding, got, err)
			}
		}
	})
}
