package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// The series that one page of debug has.
const (
	ccPage    = 10_000
	ccMaxPage = 100_000
)

// debug tells which blocks there are, as one object in the other, a page at a
// time. No lock is held while it is written.
func (c ccFace) debug(w http.ResponseWriter, r *http.Request) error {
	if err := c.since(Everything); err != nil {
		return err
	}
	q := r.URL.Query()
	var words []string
	if s := q.Get("selector"); s != "" {
		words = strings.Split(s, ":")
	}
	limit, err := ccLimit(q)
	if err != nil {
		return err
	}
	after, err := parseCCCursor(q.Get("after"))
	if err != nil {
		return err
	}
	d := ccDump{face: c, words: words, limit: limit, after: after}
	if after == nil && !d.found() {
		return ccNotFound(words)
	}
	d.encoder = newEncoder(w, typeJSON)
	return d.write(r.Context())
}

func ccLimit(q url.Values) (int, error) {
	if !q.Has("limit") {
		return ccPage, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > ccMaxPage {
		return 0, refuse("limit", "is not from 1 to "+strconv.Itoa(ccMaxPage))
	}
	return n, nil
}

// A ccCursor is the last series of a page.
type ccCursor struct {
	Path   selector.Path
	Metric string
}

func (c *ccCursor) text() (string, error) {
	b, err := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func parseCCCursor(text string) (*ccCursor, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // none is the first page's
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	c := new(ccCursor)
	if err != nil || json.Unmarshal(b, c) != nil {
		return nil, refuse("after", "is not the next of a page")
	}
	return c, nil
}

// A ccDump is a page of debug on its way out.
type ccDump struct {
	*encoder
	face  ccFace
	words []string
	limit int
	after *ccCursor

	open []string // the objects that are not closed
	fill bool     // the innermost has something
}

// found reports whether there is anything at the level.
func (d *ccDump) found() bool {
	if len(d.words) == 0 {
		return true
	}
	for range d.face.held(d.words, selector.Path{}) {
		return true
	}
	return false
}

func (d *ccDump) write(ctx context.Context) error {
	d.text(`{"data":{`)
	next, err := d.page(ctx)
	if err != nil {
		return err
	}
	d.descend(nil)
	d.text("}")
	if next != nil {
		text, err := next.text()
		if err != nil {
			return err
		}
		d.text(`,"next":"` + text + `"`)
	}
	d.text("}\n")
	return d.Flush()
}

// page writes the series of the page, and returns the last if there is one more.
func (d *ccDump) page(ctx context.Context) (next *ccCursor, err error) {
	var last *ccCursor
	var from selector.Path
	if d.after != nil {
		from = d.after.Path
	}
	for level, h := range d.face.held(d.words, from) {
		name := d.face.Table.At(h.Metric).Name
		if d.before(h.Path, name) {
			continue
		}
		if d.limit--; d.limit < 0 {
			return last, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := d.series(h, name, level); err != nil {
			return nil, err
		}
		last = &ccCursor{h.Path, name}
	}
	return nil, nil //nolint:nilnil // there is no page after it
}

// before reports whether an earlier page had the series.
func (d *ccDump) before(p selector.Path, name string) bool {
	if d.after == nil {
		return false
	}
	c := p.Compare(d.after.Path)
	return c < 0 || c == 0 && name <= d.after.Metric
}

// series writes the blocks of a series, each with the Unix second at which the
// slot of its first sample begins, how many slots there are to the last that has
// one, and where that ends.
func (d *ccDump) series(h store.Held, name string, level []string) error {
	d.descend(level)
	d.key(name)
	step := d.face.Table.At(h.Metric).Step
	b := append(d.AvailableBuffer(), '[')
	for i, x := range h.Blocks {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"start":`...), x.From, 10)
		b = strconv.AppendInt(append(b, `,"len":`...), (x.To-x.From)/step, 10)
		b = append(strconv.AppendInt(append(b, `,"end":`...), x.To, 10), '}')
	}
	_, err := d.Write(append(b, ']'))
	return err
}

// descend closes objects and opens others until those of the level are open.
func (d *ccDump) descend(level []string) {
	same := 0
	for same < len(level) && same < len(d.open) && level[same] == d.open[same] {
		same++
	}
	for range len(d.open) - same {
		d.text("}")
		d.fill = true
	}
	d.open = d.open[:same]
	for _, name := range level[same:] {
		d.key(name)
		d.text("{")
		d.fill = false
		d.open = append(d.open, name)
	}
}

// key begins a member.
func (d *ccDump) key(name string) {
	if d.fill {
		d.text(",")
	}
	d.fill = true
	d.text("\n" + strings.Repeat("\t", len(d.open)+1))
	d.append(append(appendString(d.AvailableBuffer(), name), ':'))
}
