package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"tallystick/internal/ingest"
)

// maxLine bounds one line, in bytes.
const maxLine = maxMessage

func (a *API) lines(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	t, err := a.takeBody(w, r, ingest.LineOptions{
		Cluster: q.Get("cluster"), Precision: q.Get("precision"), Fields: ingest.Fields(q.Get("fields")),
	})
	switch {
	case t == nil:
		return err
	case err == nil && t.result.Rejected == 0:
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return t.answer(w, err)
}

// takeBody takes the lines of a request. Without a tally, nothing was read;
// with one, the error is why the body could not be read to its end.
func (a *API) takeBody(w http.ResponseWriter, r *http.Request, o ingest.LineOptions) (*tally, error) {
	body, err := a.open(w, r)
	if err != nil {
		return nil, err
	}
	o.Within = lineBound(r)
	t := a.tally(r.URL.Path)
	return t, takeLines(body, t, func(lines []byte) ingest.Result {
		return a.parts.Ingest.Lines(r.Context(), lines, o)
	})
}

// takeLines puts the body into ingest, as many whole lines at a time as the
// window holds. The error is why it could not be read to its end.
func takeLines(body io.Reader, t *tally, put func([]byte) ingest.Result) error {
	win := t.window(body)
	defer t.release(&win)
	l := liner{tally: t, put: put}
	for {
		held, err := win.all()
		switch {
		case errors.Is(err, io.EOF):
			l.take(held)
			return nil
		case err != nil:
			l.take(held[:bytes.LastIndexByte(held, '\n')+1])
			l.refuse(&inputError{reasonBody, broken(err).Message})
			return err
		}
		lines := whole(held)
		win.take(len(lines))
		if len(lines) > 0 {
			l.take(lines)
			continue
		}
		l.refuse(tooLong())
		l.before++
		_ = win.skipLine() // its error comes again
	}
}

// A liner gives lines to ingest and moves the places of its rejects from the
// lines given to those of the body.
type liner struct {
	tally  *tally
	put    func([]byte) ingest.Result
	before int // lines so far, those with nothing in them too
}

// index returns how many lines with something in them there were so far.
func (l *liner) index() int { return l.tally.result.Accepted + l.tally.result.Rejected }

func (l *liner) take(lines []byte) {
	if len(lines) == 0 {
		return
	}
	res := l.put(lines)
	for i := range res.Errors {
		e := &res.Errors[i]
		e.Index += l.index()
		if e.Line > 0 { // 0: it is about no line
			e.Line += l.before
		}
	}
	l.tally.add(res)
	l.before += bytes.Count(lines, []byte{'\n'})
}

func (l *liner) refuse(bad *inputError) {
	rejects := []ingest.Reject{{Index: l.index(), Line: l.before + 1, Reason: bad.reason, Text: bad.text}}
	l.tally.refuse(rejects)
	l.tally.add(ingest.Result{Rejected: 1, Errors: rejects})
}

// whole returns the lines of b that are whole. A newline in quotes does not end
// a line; where quotes are never closed, the last newline does.
func whole(b []byte) []byte {
	last := bytes.LastIndexByte(b, '\n') + 1
	if bytes.IndexByte(b, '"') < 0 {
		return b[:last]
	}
	end, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '\n':
			if !quoted {
				end = i + 1
			}
		}
	}
	if end == 0 {
		end = last
	}
	return b[:end]
}
