// Package collect makes transfers and samples out of XRootD monitoring packets.
//
// The packets of a server come over UDP: late, twice, in any order, or not at
// all. So nothing here depends on the order in which they come. What a record
// says is put where it belongs by what it names itself:
//
//	server  sid              48-bit fingerprint, survives restarts
//	└ life  (sid, stod)      dictionary ids mean something only inside it
//	  ├ user  dictionary id  u record; i records stand beside it
//	  └ file  dictionary id  d record, open, progress (xfr), close: each at most
//	                         once, whichever comes first
//
// and only when a record has waited for Config.Hold is it told on, together with
// everything that belongs before it. A record that comes again finds itself
// already there, and one about a file that is finished finds it in the set of
// finished files: that makes telling each thing once a property of the state,
// not of a window of recent packets.
//
// A life has ended when its server starts another; a session when its disconnect
// record came; nothing ends by the clock alone but what has been silent for
// Config.Idle, a matter of days.
//
// There are two times. What waits, waits by that of the one who calls. What is told
// of a packet goes by Packet.Arrival, which is earlier where a packet lay in a queue:
// after an outage of a day, a day of packets comes within minutes.
//
// The package has no clock, no goroutine and no lock: time is an argument.
package collect

import (
	"errors"
	"hash/crc32"
	"maps"
	"net/netip"
	"time"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A Packet is one datagram with where it came from.
type Packet struct {
	Remote string // address:port of the server's socket, as the one who received it wrote it
	Data   []byte
	// Arrival is when it came to the one who received it, in Unix nanoseconds; 0 if
	// that was not told, or just now.
	Arrival int64
}

// A Place is whose number a sample is.
type Place uint8

// The places.
const (
	AtClient Place = iota // the client's of the server
	AtServer              // the server's own
	AtTarget              // of what the server sends to another, whose host Client is then
)

// A Sample is a count of something at one client of one server, or at the server
// itself.
type Sample struct {
	Site, Server, Client string
	At                   Place
	Metric               string // one of metric.Xrd… or metric.Fields
	Time                 int64  // Unix seconds
	Value                float64
}

// A Server is what is known of one server. Its names are all that a client may
// have called it by.
type Server struct {
	Site    string   `json:"site"`    // cluster in the tree
	Name    string   `json:"name"`    // host:port, node in the tree
	Address string   `json:"address"` // IP:port
	Names   []string `json:"names"`   // Name, Address and what else it is called, sorted
	SID     uint64   `json:"sid"`
	Version string   `json:"version"`
}

// An Output takes what the collector finds out. It is called from within
// Packet and Advance.
type Output interface {
	// Transfer tells what is known of a transfer. It comes again, with the same
	// ID, whenever more is known, and belongs to the one who is told; what its Auth
	// points to is that of all in one session.
	Transfer(t *transfer.Transfer)
	// Sample tells a count; each is told once.
	Sample(s Sample)
	// Server tells of a server when its names become known or change.
	Server(s Server)
	LifeOutput
	WitnessOutput
}

// A WitnessOutput takes other accounts than that of the f stream.
type WitnessOutput interface {
	// Balance tells what a server's summary counts since the one before it, beside
	// what was told of files. Each is told once.
	Balance(b transfer.Balance)
	// Event tells what other parts of a server than its f stream tell of a file.
	// It may come again, with the same ID.
	Event(e transfer.Event)
}

// A LifeOutput takes what is found out about the lives of servers.
type LifeOutput interface {
	// Loss tells that something was lost on the way; each loss is told once, and
	// taken back by one with a negative count if it comes after all.
	Loss(l transfer.Loss)
	// Life tells what was seen of a life of a server. It comes again, with the
	// same ID, while there is more, at most every Config.Hold.
	Life(l transfer.Life)
}

// Config is what an operator may choose.
type Config struct {
	// Hold is how long a record waits for others that were sent before it and
	// arrive after it: at least the longest delay on the way. Default 10 s.
	Hold time.Duration `koanf:"hold"`
	// Idle is how long a file, session or server may be silent before it is
	// given up. Default 48 h.
	Idle time.Duration `koanf:"idle"`
	// Max is how many open files, sessions, names of clients and waiting
	// progress records are held at most, some 400 bytes each; a life of a
	// server and long texts count as more. What comes on top is refused, so
	// that forged packets cannot take all memory. Default 2 000 000.
	Max int `koanf:"max"`
	// Servers names servers that do not, or wrongly, name themselves, by the
	// IP address or IP:port that their datagrams come from.
	Servers map[string]Name `koanf:"servers"`
}

// A Name is what an operator calls a server.
type Name struct {
	Site string `koanf:"site"`
	Name string `koanf:"name"` // host:port; empty: as it names itself
}

// Sites are those that the operator has named, by the IP address of their servers.
type Sites map[string][]string

// Sites returns the sites in c.
func (c Config) Sites() Sites {
	s := make(Sites)
	for at, n := range c.Servers {
		host := hostOf(at)
		if ip, err := netip.ParseAddr(at); err == nil { // without a port
			host = ip.Unmap().String()
		}
		s[host] = append(s[host], n.Site)
	}
	return s
}

// Of returns the sites of the servers at the address that datagrams come from, empty ones for
// those that name theirs themselves. One address may have servers of several.
func (s Sites) Of(remote string) []string { return s[hostOf(remote)] }

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config {
	return Config{Hold: 10 * time.Second, Idle: 48 * time.Hour, Max: 2_000_000}
}

// Stats counts what came in. All counts are since the start of the process.
type Stats struct {
	Packets    map[xrootd.Kind]uint64 // by kind; KindNone: could not be read at all
	Events     map[string]uint64      // records of plug-ins and daemons by who makes them: pfc, tpc, …, other
	Duplicates uint64                 // datagrams that came again shortly after
	Late       uint64                 // records about files that were finished already
	Full       uint64                 // records refused because Config.Max was reached

	IdleFiles, IdleUsers, IdleLives uint64 // what was given up because it was silent for Config.Idle

	Lost  map[transfer.LossOf]uint64 // at least, by what it counts
	Found uint64                     // packets that were told as lost and came after all

	Lives int // held now
	Users int
	Files int
	Held  int // what counts against Config.Max
}

// ErrFull is the error of a packet of which something was refused because
// Config.Max was reached.
var ErrFull = errors.New("too many open files and sessions")

// A Collector holds the state of all servers. Its methods must not be called
// at the same time.
type Collector struct {
	cfg Config
	out Output

	castagnoli *crc32.Table

	all     map[*life]struct{}
	lives   map[lifeKey]*life  // those whose sid is known
	sockets map[socket]*life   // by where they come from
	servers map[uint64]*server // by sid
	queue   queue

	sources sources // of summaries
	fields  fields
	callers map[caller][]*server
	bares   map[string]*bare // by remote

	spare []*file // the memory of some that are finished

	size    int // what counts against cfg.Max
	ended   int // files that are kept after their end
	stats   Stats
	packets uint64 // t datagrams, to know which is at hand

	gram xrootd.Datagram // the one at hand; reused
	came instant         // when it arrived
}

// New returns a collector without state that tells out what it finds.
func New(cfg Config, out Output) *Collector {
	return &Collector{
		cfg: cfg, out: out, castagnoli: crc32.MakeTable(crc32.Castagnoli),
		all: map[*life]struct{}{}, lives: map[lifeKey]*life{}, sockets: map[socket]*life{}, servers: map[uint64]*server{},
		sources: sources{}, fields: newFields(), callers: map[caller][]*server{}, bares: map[string]*bare{},
		stats: Stats{Packets: map[xrootd.Kind]uint64{}, Events: map[string]uint64{}, Lost: map[transfer.LossOf]uint64{}},
	}
}

// Packet takes one datagram at now. It keeps nothing of p.Data.
// The error says why the datagram, or the rest of it, could not be used.
func (c *Collector) Packet(now time.Time, p Packet) error { return c.packet(instantOf(now), p) }

func (c *Collector) packet(now instant, p Packet) error {
	err := c.gram.Decode(p.Data)
	c.came = p.arrived(now)
	c.stats.Packets[c.gram.Kind]++
	switch g := &c.gram; {
	case g.Kind == xrootd.KindSummary:
		return errors.Join(err, c.takeSummary(now, p.Remote))
	case g.Kind == xrootd.KindGStream && g.GStream.Framing == xrootd.FrameNone:
		return errors.Join(err, c.takeBare(now, p))
	}
	l := c.lifeOf(now, p.Remote)
	if l == nil {
		return err
	}
	c.heard(now, l)
	l.observe(c.came, &c.gram, len(p.Data))
	hash := c.hashOf(p.Data)
	if c.again(now, l, p.Remote, hash) {
		return err
	}
	switch g := &c.gram; {
	case g.Kind == xrootd.KindMap && g.Map.UserOK:
		return errors.Join(err, c.takeMap(now, l))
	case g.Kind == xrootd.KindFile:
		return errors.Join(err, c.takeFile(now, l))
	case g.Kind == xrootd.KindTrace:
		return errors.Join(err, c.takeTrace(now, l, hash))
	}
	return errors.Join(err, c.takeNotes(now, l))
}

// arrived returns when p, which is taken at now, arrived. A clock that is ahead of ours
// is not believed.
func (p *Packet) arrived(now instant) instant {
	if p.Arrival <= 0 || instant(p.Arrival) >= now {
		return now
	}
	return instant(p.Arrival)
}

// takeNotes takes what tells by itself, which does not concern sessions and files
// that are open.
func (c *Collector) takeNotes(now instant, l *life) (err error) {
	switch g := &c.gram; {
	case g.Kind == xrootd.KindGStream:
		err = c.takeGStream(now, &l.Book, l)
	case g.Kind == xrootd.KindRedirect:
		err = c.takeRedirects(now, l)
	case c.ofDaemon():
		err = c.takeDaemon(now, l)
	}
	c.wakeNotes(l)
	return err
}

// lifeOf returns the life that the datagram at hand belongs to, nil if that
// cannot be told. Of most kinds only the number counts.
func (c *Collector) lifeOf(now instant, remote string) *life {
	g := &c.gram
	if g.Header.Code == 0 {
		return nil
	}
	sid := c.sid()
	if sid == 0 && g.Kind != xrootd.KindFile && !c.ofDaemon() {
		return c.sockets[socket{remote, g.Header.Stod}]
	}
	l := c.life(now, sid, g.Header.Stod, remote)
	if l != nil {
		c.hearFrom(l, remote)
	}
	return l
}

// sid returns the fingerprint of the server that sent the datagram at hand, 0 if
// it does not tell.
func (c *Collector) sid() uint64 {
	switch g := &c.gram; g.Kind {
	case xrootd.KindMap:
		return g.Map.SID
	case xrootd.KindFile:
		return g.File.SID
	case xrootd.KindRedirect:
		return g.Redirect.SID
	case xrootd.KindGStream:
		return g.GStream.SID
	case xrootd.KindTrace:
		for i := range g.Trace.Entries {
			if e := &g.Trace.Entries[i]; e.Type() == xrootd.TraceWindow && e.SID() != 0 {
				return e.SID()
			}
		}
	}
	return 0
}

func (c *Collector) takeMap(now instant, l *life) error {
	m := &c.gram.Map
	switch c.gram.Header.Code {
	case '=':
		return c.identify(l, m)
	case 'u', 'i', 'd':
		if c.gram.Header.Text { // of a plug-in: not about sessions and files
			return nil
		}
	}
	switch c.gram.Header.Code {
	case 'u':
		return c.login(now, l, m)
	case 'i':
		return c.appInfo(now, l, m)
	case 'd':
		return c.mapFile(now, l, m)
	case 'U':
		return c.flow(now, l, m)
	case 'T':
		return c.token(now, l, m)
	}
	return nil
}

func (c *Collector) takeFile(now instant, l *life) error {
	s := &c.gram.File
	l.speak(now, c.cfg.Hold, s.End)
	within := transfer.Interval{s.Begin, s.End}
	var errs error
	for i := range s.Records {
		if err := c.record(now, l, within, &s.Records[i]); err != nil {
			errs = err // the same for all: full
		}
	}
	return errs
}

// Advance completes what has waited long enough at now.
func (c *Collector) Advance(now time.Time) { c.advance(instantOf(now)) }

func (c *Collector) advance(now instant) {
	for {
		e, ok := c.queue.next(now)
		if !ok {
			c.settleSummaries(now)
			c.settleBares(now)
			return
		}
		switch e.kind {
		case dueFile:
			c.settleFile(now, e)
		case dueUser:
			c.settleUser(now, e.life, e.id)
		case dueEnd:
			c.endLife(now, e.life)
		case dueSweep:
			c.sweep(now, e.life)
		case dueNumbers:
			c.settleNumbers(now, e.life)
		case dueLife:
			c.tellLife(now, e.life)
		case dueNotes:
			c.settleLifeNotes(now, e.life)
		}
	}
}

// Stats returns the counts up to now.
func (c *Collector) Stats() Stats {
	s := c.stats
	s.Packets, s.Lost, s.Events = maps.Clone(c.stats.Packets), maps.Clone(c.stats.Lost), maps.Clone(c.stats.Events)
	s.Lives, s.Held = len(c.all), c.size
	for l := range c.all {
		s.Users += len(l.Users)
		s.Files += len(l.Files)
	}
	return s
}

// room reports whether n more may be held, and counts it.
func (c *Collector) room(n int) bool {
	if c.size+n > c.cfg.Max {
		c.stats.Full++
		return false
	}
	c.size += n
	return true
}

// weigh returns what n bytes of text count against Config.Max, together with what
// they stand in: as much as they exceed what is usual.
func weigh(n int) int { return 1 + n/256 }
