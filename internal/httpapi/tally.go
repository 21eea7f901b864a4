package httpapi

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"tallystick/internal/ingest"
)

// A tally adds up what became of a body, batch by batch.
type tally struct {
	stats   *stats
	buffers *sync.Pool // of *[]byte, to read bodies into
	route   string
	result  ingest.Result
	full    bool // some of it may be taken later
}

func (a *API) tally(route string) *tally {
	return &tally{stats: a.stats, buffers: &a.buffers, route: route}
}

// window returns a window that release takes back.
func (t *tally) window(body io.Reader) window {
	w := window{r: body, max: maxLine}
	if b, ok := t.buffers.Get().(*[]byte); ok {
		w.buf = *b
	} else {
		w.buf = make([]byte, minWindow)
	}
	return w
}

// maxSpare is how large a buffer is at most that is kept for the next body.
const maxSpare = 256 << 10

func (t *tally) release(w *window) {
	if len(w.buf) <= maxSpare {
		t.buffers.Put(&w.buf)
	}
}

// refuse counts rejects that do not come to ingest.
func (t *tally) refuse(rejects []ingest.Reject) {
	for _, r := range rejects {
		t.stats.rejects.WithLabelValues(t.route, r.Reason).Inc()
	}
}

// add adds the result of one batch, with the indexes of the whole body.
func (t *tally) add(res ingest.Result) {
	t.result.Accepted += res.Accepted
	t.result.Rejected += res.Rejected
	t.full = t.full || res.Full > 0
	room := ingest.MaxErrors - len(t.result.Errors)
	t.result.Errors = append(t.result.Errors, res.Errors[:min(room, len(res.Errors))]...)
}

// answer tells the result: err is why the body was not read to its end, nil if
// it was.
func (t *tally) answer(w http.ResponseWriter, err error) error {
	if err == nil && !t.full && (t.result.Accepted > 0 || t.result.Rejected == 0) {
		return answer(w, http.StatusOK, t.result)
	}
	return t.failure(err)
}

// noRoom is what is told of ingest.Result.Full.
const noRoom = "there was no room for some of it, or the log cannot be written; that may be sent again later"

// failure returns what is told of a body of which not all was taken.
func (t *tally) failure(err error) *Error {
	e := &Error{Status: http.StatusBadRequest, Message: "nothing in it could be taken"}
	switch {
	case t.full:
		e.Status, e.Retry = http.StatusServiceUnavailable, time.Second
		e.Message = noRoom + ": that with the reason full or log"
	case err != nil:
		e = broken(err)
	}
	e.result = &t.result
	return e
}

// broken returns what is told of a body that could not be read to its end.
func broken(err error) *Error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(large.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // whose own text has addresses in it
		return refuse("", "read body: nothing came for longer than http.stall")
	}
	return refuse("", "read body: "+err.Error())
}

// A batch is a run of inputs on its way to ingest, with those refused between.
type batch[T any] struct {
	items   []T
	indexes []int // of the items in the body
	bytes   int
	refused []ingest.Reject
}

const (
	// maxBatch and maxBatchBytes bound what one request holds in memory, and for
	// how long ingest is busy with one client's batch before it is another's turn.
	maxBatch      = 512
	maxBatchBytes = 1 << 20
)

func (b *batch[T]) full() bool {
	return len(b.items)+len(b.refused) >= maxBatch || b.bytes >= maxBatchBytes
}

func (b *batch[T]) take(index int, item T, size int) {
	b.items = append(b.items, item)
	b.indexes = append(b.indexes, index)
	b.bytes += size
}

func (b *batch[T]) refuse(index int, bad *inputError) {
	b.refused = append(b.refused, ingest.Reject{Index: index, Reason: bad.reason, Text: bad.text})
}

// flush puts the batch into ingest, tells t what became of it, and empties it.
func (b *batch[T]) flush(t *tally, put func([]T) ingest.Result) {
	t.refuse(b.refused)
	res := ingest.Result{Rejected: len(b.refused), Errors: slices.Clone(b.refused)}
	if len(b.items) > 0 {
		put := put(b.items)
		for _, r := range put.Errors { // each has its place in the batch
			r.Index = b.indexes[r.Index]
			res.Errors = append(res.Errors, r)
		}
		res.Accepted += put.Accepted
		res.Rejected += put.Rejected
		res.Full += put.Full
	}
	slices.SortFunc(res.Errors, func(x, y ingest.Reject) int { return cmp.Compare(x.Index, y.Index) })
	t.add(res)
	b.reset()
}

func (b *batch[T]) reset() {
	clear(b.items)
	b.items, b.indexes, b.refused, b.bytes = b.items[:0], b.indexes[:0], b.refused[:0], 0
}
