package httpapi

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// open returns the body of r, unpacked. It is at most as long as configured,
// packed and unpacked: reading more is a *http.MaxBytesError.
func (a *API) open(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	limit := a.maxBody(r.Context())
	if r.ContentLength > limit {
		return nil, tooLarge(limit) // before any of it is taken
	}
	raw := http.MaxBytesReader(w, r.Body, limit)
	coding := r.Header.Get("Content-Encoding")
	if coding == "" || coding == "identity" {
		return raw, nil
	}
	plain, err := unpack(raw, coding)
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, errCoding):
		return nil, &Error{
			Status: http.StatusUnsupportedMediaType, Field: "Content-Encoding",
			Message: fmt.Sprintf("%q is none of identity, gzip, zstd, s2, snappy", coding),
		}
	case errors.As(err, &large):
		return nil, tooLarge(large.Limit)
	case err != nil:
		return nil, refuse("", fmt.Sprintf("unpack body: %v", err))
	}
	return &limited{r: plain, limit: limit, left: limit}, nil
}

var (
	errCoding = errors.New("unknown coding")
	errBlock  = errors.New("a block of snappy that unpacks to more than it may")
)

const (
	// maxWindow is how much of what it has unpacked before a zstd stream may ask to
	// be remembered: what the format's standard tells decoders to support.
	maxWindow = 8 << 20
	// maxBlock is how long a single block of snappy may be, unpacked: such a body has
	// no pieces, and is held whole.
	maxBlock = 16 << 20
	// maxRatio is more than a block of snappy can grow by: three bytes of it stand
	// for 64 at most. One that claims more is not believed.
	maxRatio = 22
)

// unpack returns a reader of what is packed in raw. It holds what the coding
// wants to be remembered, which is bounded whatever the sender says, and starts
// no goroutine, so that it needs no closing.
func unpack(raw io.Reader, coding string) (io.Reader, error) {
	switch coding {
	case "gzip":
		return gzip.NewReader(raw)
	case "zstd":
		return zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
	case "s2":
		return framed(raw), nil
	case "snappy":
		return unsnap(raw)
	}
	return nil, errCoding
}

// framed reads the stream format of s2, of which that of snappy is a part.
func framed(raw io.Reader) io.Reader { return s2.NewReader(raw, s2.ReaderAllocBlock(64<<10)) }

// unsnap reads snappy in either format: senders call both by this name.
func unsnap(raw io.Reader) (io.Reader, error) {
	const stream = "\xff\x06\x00\x00sNaPpY" // what a stream begins with, and no block
	head := bufio.NewReader(raw)
	begin, err := head.Peek(len(stream))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read: %w", err)
	}
	if string(begin) == stream {
		return framed(head), nil
	}
	packed, err := io.ReadAll(io.LimitReader(head, int64(s2.MaxEncodedLen(maxBlock))+1))
	if err != nil || len(packed) == 0 {
		return bytes.NewReader(nil), err
	}
	n, err := s2.DecodedLen(packed)
	if err != nil {
		return nil, fmt.Errorf("snappy: %w", err)
	}
	if n > maxBlock || n > maxRatio*len(packed) || len(packed) > s2.MaxEncodedLen(maxBlock) {
		return nil, errBlock
	}
	plain, err := s2.Decode(nil, packed)
	return bytes.NewReader(plain), err
}

// patient is a body of which the client has stall to send each piece.
type patient struct {
	io.ReadCloser
	w     *response
	ended bool // all of it is here, or the rest is not waited for
}

// hurry has the client of r send in time what it sends.
func hurry(w *response, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	w.body = &patient{ReadCloser: r.Body, w: w}
	r.Body = w.body
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.w.control.SetReadDeadline(p.w.late())
	n, err := p.ReadCloser.Read(b)
	if p.ended = err != nil; err == nil || errors.Is(err, io.EOF) {
		_ = p.w.control.SetReadDeadline(time.Time{})
	} // else net/http shall not wait either for what is left
	return n, err
}

// limited is http.MaxBytesReader for what comes out of unpacking.
type limited struct {
	r           io.Reader
	limit, left int64
}

func (l *limited) Read(b []byte) (int, error) {
	if int64(len(b)) > l.left+1 { // one more tells whether there is more
		b = b[:l.left+1]
	}
	n, err := l.r.Read(b)
	if int64(n) <= l.left {
		l.left -= int64(n)
		return n, err
	}
	n, l.left = int(l.left), 0
	return n, &http.MaxBytesError{Limit: l.limit}
}
