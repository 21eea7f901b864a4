package collect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"tallystick/internal/metric"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// The providers of g-streams, by the letter that names them.
const (
	byCache    = 'C'
	byTPC      = 'P'
	byOSS      = 'O'
	byHTTP     = 'H'
	byThrottle = 'R'
	byCCM      = 'M'
	byTCP      = 'T'
)

// providerName returns what stands for the letter in Stats.
func providerName(letter byte) string {
	switch letter {
	case byCache:
		return transfer.PFC
	case byTPC:
		return transfer.TPC
	case byOSS:
		return metric.OfOSS
	case byHTTP:
		return metric.OfHTTP
	case byThrottle:
		return metric.OfThrottle
	case byCCM:
		return "ccm"
	case byTCP:
		return "tcpmon"
	}
	return "other"
}

// takeGStream takes the g datagram at hand into n. A record that is not what its
// provider sends costs itself.
func (c *Collector) takeGStream(now instant, n *notebook, l *life) error {
	g := &c.gram.GStream
	var errs []error
	for i, text := range g.Records {
		letter := g.Provider
		if letter == 0 {
			letter = providerOf(text)
		}
		c.stats.Events[providerName(letter)]++
		if err := c.gRecord(now, n, l, letter, text); err != nil {
			errs = append(errs, wrong(i, err))
		}
	}
	return errors.Join(errs...)
}

// wrong says which record err is about.
func wrong(i int, err error) error {
	if bad, ok := errors.AsType[*xrootd.Error](err); ok {
		bad.Detail = fmt.Sprintf("record %d: %s", i, bad.Detail)
	}
	return err
}

// providerOf tells by whom a record is that comes without any header, 0 if it is
// of no known form.
func providerOf(text []byte) byte {
	var r struct {
		Event string          `json:"event"`
		TPC   json.RawMessage `json:"TPC"`
	}
	switch {
	case json.Unmarshal(text, &r) != nil:
	case r.Event == "file_close":
		return byCache
	case strings.HasPrefix(r.Event, "oss_stats"):
		return byOSS
	case r.Event == "throttle_update":
		return byThrottle
	case r.TPC != nil:
		return byTPC
	case strings.HasPrefix(string(text), `{"HTTP_`):
		return byHTTP
	}
	return 0
}

// gRecord takes one record. Those that are of plug-ins of others are counted, and
// no more.
func (c *Collector) gRecord(now instant, n *notebook, l *life, letter byte, text []byte) error {
	switch letter {
	case byCache:
		return c.cacheRecord(now, n, text)
	case byTPC:
		return c.copyRecord(now, n, text)
	case byOSS, byThrottle, byHTTP:
		return c.meterRecord(now, n, l, letter, text)
	}
	return nil
}

// A cacheClose is a record of a cache that let go of a file (XrdPfc/XrdPfc.cc). The
// last two come since 5.7.2.
type cacheClose struct {
	Event    string `json:"event"`
	LFN      string `json:"lfn"`
	Attached int64  `json:"attach_t"`
	Detached int64  `json:"detach_t"`
	Hit      int64  `json:"b_hit"`
	Miss     int64  `json:"b_miss"`
	Bypass   int64  `json:"b_bypass"`
	ToDisk   int64  `json:"b_todisk"`
	Prefetch int64  `json:"b_prefetch"`
}

func (c *Collector) cacheRecord(now instant, n *notebook, text []byte) error {
	var r cacheClose
	if err := decode(text, &r); err != nil {
		return err
	}
	if r.Event != "file_close" {
		return nil
	}
	if min(r.Hit, r.Miss, r.Bypass, r.ToDisk, r.Prefetch) < 0 || r.LFN == "" {
		return badRecord("a file_close without lfn, or with less than no bytes")
	}
	e := eventOf(transfer.PFC, text)
	e.At, e.Path, e.Bytes = span(r.Attached, r.Detached), transfer.CleanPath(r.LFN), r.Hit+r.Miss+r.Bypass
	return c.note(n, note{At: now, Event: e, Samples: own(r.Detached, []count{
		{metric.XrdPFCCloses, 1},
		{metric.XrdPFCHitBytes, r.Hit},
		{metric.XrdPFCMissBytes, r.Miss},
		{metric.XrdPFCBypassBytes, r.Bypass},
		{metric.XrdPFCToDiskBytes, r.ToDisk},
		{metric.XrdPFCPrefetchBytes, r.Prefetch},
	})})
}

// A copied is a record of a third-party copy (XrdXrootd/XrdXrootdTpcMon.cc).
type copied struct {
	Xeq struct {
		Beg, End, Type string
		RC             int
	}
	Src, Dst string
	Size     int64
}

func (c *Collector) copyRecord(now instant, n *notebook, text []byte) error {
	var r copied
	if err := decode(text, &r); err != nil {
		return err
	}
	begin, end := second(r.Xeq.Beg), second(r.Xeq.End)
	if end == 0 || r.Size < 0 {
		return badRecord("a copy that ended at %q, of %d bytes", r.Xeq.End, r.Size)
	}
	e := eventOf(transfer.TPC, text)
	here := r.Dst
	if r.Xeq.Type == "push" {
		here = r.Src
	}
	e.At, e.Path, e.Bytes = span(begin, end), pathOfURL(here), r.Size
	counts := []count{{metric.XrdTPCCopies, 1}, {metric.XrdTPCBytes, r.Size}}
	if r.Xeq.RC != 0 {
		counts = []count{{metric.XrdTPCFailures, 1}}
	}
	return c.note(n, note{At: now, Event: e, Samples: own(end, counts)})
}

// second reads a time as these records have it, whose fraction is printed wrongly:
// it is left out. 0 is none.
func second(text string) int64 {
	const form = "2006-01-02T15:04:05"
	t, err := time.Parse(form, text[:min(len(form), len(text))])
	if err != nil {
		return 0
	}
	return t.Unix()
}

// pathOfURL returns the path in "protocol://host:port//path".
func pathOfURL(u string) string {
	_, rest, ok := strings.Cut(u, "://")
	if !ok {
		return transfer.CleanPath(u)
	}
	i := strings.IndexByte(rest, '/')
	if i < 0 {
		return "/"
	}
	path, _, _ := strings.Cut(rest[i:], "?") // what follows may be secret
	return transfer.CleanPath(path)
}

// meterRecord takes a record of counters since the server's start.
func (c *Collector) meterRecord(now instant, n *notebook, l *life, letter byte, text []byte) error {
	counters, err := countersOf(letter, text)
	if err != nil || len(counters) == 0 {
		return err
	}
	sent, of := c.gram.GStream.End, providerName(letter)
	if sent == 0 {
		sent = c.came.Unix()
	}
	if sent > now.Unix()+maxAhead {
		return &xrootd.Error{Reason: xrootd.ReasonTime, Detail: fmt.Sprintf("counters of %d", sent)}
	}
	r := report{At: now, Sent: sent, Values: c.fields.values(of, counters)}
	if l != nil {
		r.Tos = l.Stod
	}
	return c.report(n, of, r)
}

func countersOf(letter byte, text []byte) (map[string]float64, error) {
	counters := map[string]float64{}
	if letter == byHTTP {
		var kinds map[string]map[string]float64 // by method and answer
		err := decode(text, &kinds)
		for _, kind := range slices.Sorted(maps.Keys(kinds)) { // so that sums are the same
			for name, v := range kinds[kind] {
				counters[name] += v
			}
		}
		return counters, err
	}
	var all map[string]any
	if err := decode(text, &all); err != nil {
		return nil, err
	}
	if e, _ := all["event"].(string); letter == byOSS && !strings.HasPrefix(e, "oss_stats") || letter == byThrottle && e != "throttle_update" {
		return nil, nil
	}
	for name, v := range all {
		if f, ok := v.(float64); ok {
			counters[name] = f
		}
	}
	return counters, nil
}

func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return &xrootd.Error{Reason: xrootd.ReasonJSON, Detail: err.Error()}
	}
	return nil
}

func badRecord(format string, args ...any) error {
	return &xrootd.Error{Reason: xrootd.ReasonRecord, Detail: fmt.Sprintf(format, args...)}
}

// eventOf returns an event of that record, as far as it is the same for all. Its ID
// is only the hash yet, since the life may not have a sid.
func eventOf(provider string, text []byte) *transfer.Event {
	e := &transfer.Event{Provider: provider}
	if len(text) <= transfer.MaxRecord {
		e.Record = strings.ToValidUTF8(string(text), "\uFFFD")
	}
	h := fnv.New64a()
	_, _ = h.Write(text) // cannot fail
	e.ID = fmt.Sprintf("%016x", h.Sum64())
	return e
}

func span(from, to int64) transfer.Interval { return transfer.Interval{min(from, to), max(from, to)} }

// A count is how much of a metric of the server itself there was.
type count struct {
	metric string
	n      int64
}

// own makes samples of counts that are not zero.
func own(at int64, counts []count) (out []Sample) {
	for _, k := range counts {
		if k.n != 0 {
			out = append(out, Sample{At: AtServer, Metric: k.metric, Time: at, Value: float64(k.n)})
		}
	}
	return out
}

// A bare is a socket that g-streams without any header come from. All there is to
// tell whose it is is the address.
type bare struct {
	Remote string
	Heard  instant
	Newest [bareHashes]uint64
	Next   int // place of the next in Newest
	Book   notebook
}

const (
	// bareHashes is how many of the newest datagrams are remembered: they have no
	// numbers, so that only this tells that one came again.
	bareHashes = 64
	bareWeight = 4
	// maxBares is how many such sockets there may be: a server has one for each
	// g-stream that is configured so.
	maxBares = 1024
)

// takeBare takes the g datagram at hand, which has no header.
func (c *Collector) takeBare(now instant, p Packet) error {
	b := c.bares[p.Remote]
	if b == nil {
		if len(c.bares) == maxBares || !c.room(bareWeight) {
			return ErrFull
		}
		b = &bare{Remote: strings.Clone(p.Remote)}
		c.bares[b.Remote] = b
	}
	b.Heard = now
	if b.seenBefore(c.hashOf(p.Data)) {
		c.stats.Duplicates++
		return nil
	}
	return c.takeGStream(now, &b.Book, nil)
}

func (b *bare) seenBefore(hash uint64) bool {
	for _, h := range b.Newest {
		if h == hash {
			return true
		}
	}
	b.Newest[b.Next] = hash
	b.Next = (b.Next + 1) % bareHashes
	return false
}

// settleBares tells the notes that are ripe, and forgets sockets that are silent.
func (c *Collector) settleBares(now instant) {
	since := now.Add(-c.cfg.Hold)
	for _, remote := range slices.Sorted(maps.Keys(c.bares)) {
		b := c.bares[remote]
		if first, ok := b.Book.first(); ok && first <= since {
			s, l := c.serverOfBare(b)
			c.settleNotes(&b.Book, &s, l, since)
		} else if !ok && past(now, b.Heard, c.cfg.Idle) {
			c.size -= bareWeight + b.Book.weight()
			delete(c.bares, remote)
		}
	}
}

// serverOfBare returns the server that b is of, and its newest life: the one that an
// operator names, or the only one at that address, else one that is called by the
// address.
func (c *Collector) serverOfBare(b *bare) (Server, *life) {
	ip := hostOf(b.Remote)
	is := Server{Site: Unknown, Name: ip, Address: ip}
	if n, ok := c.cfg.Servers[b.Remote]; ok {
		is.Site, is.Name = cmp.Or(n.Site, is.Site), cmp.Or(n.Name, is.Name)
		return is, nil
	}
	var only *server
	for _, s := range c.servers {
		if s.lives == 0 || !slices.Contains(s.IPs, ip) {
			continue
		}
		if only != nil {
			return is, nil
		}
		only = s
	}
	if only == nil || len(only.order) == 0 {
		return is, nil
	}
	return only.Server, only.order[len(only.order)-1]
}

func (c *Collector) restoreBare(b *bare) {
	c.bares[b.Remote] = b
	c.size += bareWeight + b.Book.weight()
}
