package httpapi

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A body is the unpacked body of a request. It is at most limit bytes long,
// packed and unpacked: reading more is a *http.MaxBytesError.
type body struct {
	io.Reader
	packed *gzip.Reader // nil: it was not
}

// open returns the body of r.
func (a *API) open(w http.ResponseWriter, r *http.Request) (*body, error) {
	limit := a.cfg.MaxBody
	if r.ContentLength > limit {
		return nil, tooLarge(limit) // before any of it is taken
	}
	raw := &patient{
		r:       http.MaxBytesReader(w, r.Body, limit),
		control: http.NewResponseController(w), stall: a.cfg.Stall,
	}
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
		return &body{Reader: raw}, nil
	case "gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, refuse("", fmt.Sprintf("unpack body: %v", err))
		}
		return &body{Reader: &limited{r: z, limit: limit, left: limit}, packed: z}, nil
	default:
		return nil, &Error{
			Status: http.StatusUnsupportedMediaType, Field: "Content-Encoding",
			Message: fmt.Sprintf("%q is none of identity, gzip", enc),
		}
	}
}

// patient gives the client stall to send each piece.
type patient struct {
	r       io.Reader
	control *http.ResponseController
	stall   time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(p.stall)) // tests' connections know none
	return p.r.Read(b)
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
