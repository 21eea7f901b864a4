package collect

import (
	"cmp"
	"slices"

	"tallystick/internal/transfer"
)

// A tally is what a life told of files up to a second, since the one before it.
type tally struct {
	Until int64 // in the server's time
	Bytes transfer.Bytes
	Cache int64

	Opens, Closes, Empty, Puts, Lost int64
	Ends                             int64 // of files whose open is told
}

func (t *tally) add(u *tally) {
	t.Until = max(t.Until, u.Until)
	t.Bytes = t.Bytes.Plus(u.Bytes)
	t.Cache += u.Cache
	t.Opens += u.Opens
	t.Closes += u.Closes
	t.Empty += u.Empty
	t.Puts += u.Puts
	t.Lost += u.Lost
	t.Ends += u.Ends
}

const (
	// maxTallies is how many tallies of a life wait for the next summary: one for each
	// interval of the f stream within the time that a summary waits, several times over.
	// Of more, the oldest become one.
	maxTallies = 32
	// maxQueued is the same where there are summaries: what comes out of a queue is days
	// within that time.
	maxQueued = 2880
)

// tally adds t to what waits for the next summary.
func (l *life) tally(t tally) {
	if n := len(l.Tallies); n > 0 && l.Tallies[n-1].Until == t.Until { // nearly always
		l.Tallies[n-1].add(&t)
		return
	}
	i, known := slices.BinarySearchFunc(l.Tallies, t, func(a, b tally) int { return cmp.Compare(a.Until, b.Until) })
	if known {
		l.Tallies[i].add(&t)
		return
	}
	l.Tallies = slices.Insert(l.Tallies, i, t)
	most := maxTallies
	if l.Saw.Summaries > 0 {
		most = maxQueued
	}
	if len(l.Tallies) > most {
		l.Tallies[1].add(&l.Tallies[0])
		l.Tallies = slices.Delete(l.Tallies, 0, 1)
	}
}

// takeTallies returns what l told until then, and has not been taken.
func (l *life) takeTallies(until int64) (sum tally) {
	n := 0
	for n < len(l.Tallies) && l.Tallies[n].Until <= until {
		sum.add(&l.Tallies[n])
		n++
	}
	l.Tallies = slices.Delete(l.Tallies, 0, n)
	l.Closing = l.Closing || sum.Closes > 0
	l.Open += sum.Opens - sum.Ends
	return sum
}

// empty reports whether c is a forced close that counts nothing, which most likely hides what
// its client moved by page reads and writes (XROOTD.md fact 2).
func (c *closing) empty(t *transfer.Transfer, moved bool) bool {
	return c.Forced && !moved && c.Bytes == (transfer.Bytes{}) && !overHTTP(t)
}

// put reports whether c is the close of an upload by HTTP, of which XrdHttp counts nothing.
func (c *closing) put(t *transfer.Transfer) bool {
	return t.Writable && c.Bytes.Write == 0 && overHTTP(t)
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// Bytes around the data of files, at most: a request is 24 bytes and an answer 8, a
// piece of a vector read has 16 more each way; an open has a path, its answer and
// that of a stat or a listing some text, and a request over HTTP its headers.
const (
	aroundRequest = 64
	aroundPiece   = 16
	aroundText    = 2048
)

// around returns about how many bytes requests and answers of a report have besides
// the data.
func around(more map[string]float64) (n int64) {
	for _, op := range []string{"rf", "rd", "pr", "rv", "wv", "wr", "sync", "getf", "putf"} {
		n += aroundRequest * int64(more["xrd_ops_"+op])
	}
	for _, op := range []string{"rs", "ws"} {
		n += aroundPiece * int64(more["xrd_ops_"+op])
	}
	for _, name := range []string{"xrd_ops_open", "xrd_ops_misc", "xrd_lgn_num", "xrd_link_tot"} {
		n += aroundText * int64(more[name])
	}
	return n
}

// balance tells what went over the links of a server since its last summary, beside
// what it told of files meanwhile. l is nil if nothing else came of it.
func (c *Collector) balance(s *Server, l *life, since int64, r *report, more map[string]float64) {
	sum := tally{}
	b := transfer.Balance{Stod: r.Tos, Site: s.Site, Server: s.Name, Address: s.Address, Between: transfer.Interval{since, r.Sent}, Reports: 1}
	if l != nil {
		sum = l.takeTallies(r.Sent)
		b.SID, b.Stod, b.Closing, b.Open = l.SID, l.Stod, l.Closing, l.Open
	}
	_, proxy := r.Values["xrd_pss_open"]
	_, cache := r.Values["xrd_cache_store_size"]
	b.Proxy = proxy || cache
	in, hasIn := more["xrd_link_in"]
	out, hasOut := more["xrd_link_out"]
	if !hasIn || !hasOut { // the first of a server that is not young, or without link
		return
	}
	b.In, b.Out, b.Around = int64(in), int64(out), around(more)
	b.Told, b.Cache = sum.Bytes, sum.Cache
	b.Opens, b.Closes, b.Empty, b.Puts, b.Lost = sum.Opens, sum.Closes, sum.Empty, sum.Puts, sum.Lost
	c.out.Balance(b)
}
