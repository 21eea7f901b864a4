package httpapi

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// The media types that are spoken here.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
	typeText   = "text/plain"
	typeHTML   = "text/html"
	typeYAML   = "application/yaml"
)

// errWrite is wrapped by the errors of a client that does not take its answer,
// which are no fault of ours.
var errWrite = errors.New("write answer")

// A response knows what was answered, and gives the client stall to take each
// piece of it.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration

	status int // 0: nothing is answered yet
	bytes  int64
	user   string
	origin origin
	form   func(http.ResponseWriter, *Error) // of errors; nil: the API's own

	writers *sync.Pool    // of *bufio.Writer; nil: none
	out     *bufio.Writer // out of it

	body  *patient // nil: there is none
	leave func()   // lets the next request of the caller in; nil: it counts for nobody
}

// buffered returns a writer to w, which is good until the request is done.
func (w *response) buffered() *bufio.Writer {
	if w.writers == nil || w.out != nil { // an error, where an answer was put together already
		return bufio.NewWriterSize(w, writeBuffer)
	}
	out, ok := w.writers.Get().(*bufio.Writer)
	if !ok {
		out = bufio.NewWriterSize(nil, writeBuffer)
	}
	out.Reset(w)
	w.out = out
	return out
}

// release gives back what buffered returned, and the place among the caller's requests. What
// net/http still has of the answer the client must take in time, too.
func (w *response) release() {
	w.bound(w.late())
	if w.leave != nil {
		w.leave()
	}
	if w.out != nil {
		w.out.Reset(nil)
		w.writers.Put(w.out)
	}
}

func newResponse(w http.ResponseWriter, stall time.Duration) *response {
	rw := &response{ResponseWriter: w, control: http.NewResponseController(w), stall: stall}
	rw.bound(time.Time{}) // the connection still has that of the answer before
	return rw
}

// late returns when the client has taken too long for what is asked of it now.
func (w *response) late() time.Time { return time.Now().Add(w.stall) }

// bound says by when the client must have taken what is sent, and given what is left of a body:
// before it answers, net/http takes what is left of a short one. A bound that stood while nobody
// waits for the client would cut off a stream of HTTP/2, however lively. Connections that know no
// deadlines are those of tests.
func (w *response) bound(end time.Time) {
	_ = w.control.SetWriteDeadline(end)
	if w.body != nil && !w.body.ended {
		_ = w.control.SetReadDeadline(end)
	}
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// tell answers with e.
func (w *response) tell(e *Error) {
	if w.form != nil {
		w.form(w, e)
		return
	}
	e.write(w)
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.bound(w.late())
	n, err := w.ResponseWriter.Write(b)
	w.bound(time.Time{})
	w.bytes += int64(n)
	if err != nil {
		err = fmt.Errorf("%w: %w", errWrite, err)
	}
	return n, err
}

// code returns the status, also of an answer that was left to net/http.
func (w *response) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// writeBuffer is how much of an answer is put together before it is sent: large
// enough for few system calls, small enough for thousands of slow readers.
const writeBuffer = 32 << 10

// An encoder writes JSON values one behind the other, through a buffer.
type encoder struct {
	*bufio.Writer
	enc *json.Encoder
}

func newEncoder(w http.ResponseWriter, mediaType string) *encoder {
	w.Header().Set("Content-Type", mediaType)
	if r, ok := w.(*response); ok {
		return encoderIn(r.buffered())
	}
	return encoderTo(w)
}

func encoderTo(w io.Writer) *encoder { return encoderIn(bufio.NewWriterSize(w, writeBuffer)) }

func encoderIn(b *bufio.Writer) *encoder {
	e := &encoder{Writer: b, enc: json.NewEncoder(b)}
	e.enc.SetEscapeHTML(false) // paths are full of &, and nobody puts this into HTML
	return e
}

// text writes s as it is. An error is that of every later write, and of Flush.
func (e *encoder) text(s string) { _, _ = e.WriteString(s) }

// line writes v and a newline.
func (e *encoder) line(v any) error { return e.enc.Encode(v) }

// answer writes v as JSON with the status.
func answer(w http.ResponseWriter, status int, v any) error {
	e := newEncoder(w, typeJSON)
	w.WriteHeader(status)
	if err := e.line(v); err != nil {
		return err
	}
	return e.Flush()
}
