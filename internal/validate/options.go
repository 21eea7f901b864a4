package validate

import (
	"cmp"
	"fmt"
	"time"

	"tallystick/internal/reconcile"
	"tallystick/internal/transfer"
)

// Config is what an operator may choose of every report.
type Config struct {
	Slack     time.Duration `koanf:"slack"`     // how far the clocks of clients and servers may be apart
	Late      time.Duration `koanf:"late"`      // how long after the end of an access its records may come
	Tolerance Tolerance     `koanf:"tolerance"` // by how much bytes may differ; none by default
	Depth     int           `koanf:"depth"`     // how many folders of a path make a group
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config { return Config{Slack: DefaultSlack, Late: DefaultLate, Depth: DefaultDepth} }

// Apply returns o with what it does not say as c has it, where 0 is 0.
func (c Config) Apply(o Options) Options {
	const none = -1
	o.Slack, o.Late, o.Depth = cmp.Or(o.Slack, c.Slack, none), cmp.Or(o.Late, c.Late, none), cmp.Or(o.Depth, c.Depth)
	if o.Tolerance == (Tolerance{}) && !o.Exact {
		o.Tolerance = c.Tolerance
	}
	return o
}

// MaxSlack is how far clocks may be apart at most, and how late records may come: a day.
// With more, everything would be of everybody.
const MaxSlack = 24 * time.Hour

// WithSlack returns o with clocks that may be so far apart, where 0 is 0.
func (o Options) WithSlack(d time.Duration) (Options, error) {
	o.Slack = cmp.Or(d, -1)
	return o, checkWait(d)
}

// WithLate returns o with records that may come so late, where 0 is 0.
func (o Options) WithLate(d time.Duration) (Options, error) {
	o.Late = cmp.Or(d, -1)
	return o, checkWait(d)
}

func checkWait(d time.Duration) error {
	if d < 0 || d > MaxSlack {
		return fmt.Errorf("%v is not from 0 to %v", d, MaxSlack)
	}
	return nil
}

// WithTolerance returns o with bytes that may differ by so much, where nothing is nothing.
func (o Options) WithTolerance(t Tolerance) (Options, error) {
	o.Tolerance, o.Exact = t, t == Tolerance{}
	switch {
	case t.Bytes < 0:
		return o, fmt.Errorf("%d bytes are less than 0", t.Bytes)
	case !(t.Share >= 0 && t.Share < 1): // it may be no number
		return o, fmt.Errorf("a share of %v is not from 0 to less than 1", t.Share)
	}
	return o, nil
}

// DefaultSlack is how far the clocks of clients and servers may be apart if
// nothing else is said.
const DefaultSlack = 2 * time.Second

// DefaultLate is how long after the end of an access its records may come: a flush of
// the server, which is a minute by default, and some time on the way.
const DefaultLate = 5 * time.Minute

// Options says how to join and what to report. Joining always looks at all
// claims and transfers; the selection is made afterwards among the verdicts, so
// that a transfer which belongs to a claim that is not selected is not extra.
type Options struct {
	// Slack is how far the clocks of clients and servers may be apart. 0 is
	// DefaultSlack; a negative one is none.
	Slack time.Duration

	// Now is the present in Unix seconds, and Late how long records may come late, 0
	// for DefaultLate and a negative one for none: a verdict on what ended within that time is not final. If Now is
	// 0, only those are not that wait for the end of an open file.
	Now  float64
	Late time.Duration

	// Tolerance is by how much bytes may differ and still be equal. Exact says that they
	// may not at all, whatever the configuration says.
	Tolerance Tolerance
	Exact     bool

	Step  time.Duration // of a bin; 0, or too many bins: what suits
	Depth int           // how many folders of a path make a group; 0 is DefaultDepth

	// Reconcile says from when on links and what was told of files differ; its zero is
	// its default.
	Reconcile reconcile.Config

	Run    string // claims of this run, and what is extra on its servers while it ran
	Server string // any name of the server
	Client string // host
	From   int64  // Unix seconds: what may have been open at some time in [From, To); 0 = no bound
	To     int64
}

// slack returns o.Slack in seconds.
func (o Options) slack() float64 {
	switch {
	case o.Slack == 0:
		return DefaultSlack.Seconds()
	case o.Slack < 0:
		return 0
	}
	return o.Slack.Seconds()
}

// DefaultDepth is how many folders of a path make a group.
const DefaultDepth = 2

func (o Options) depth() int {
	if o.Depth <= 0 {
		return DefaultDepth
	}
	return o.Depth
}

// A Tolerance is by how much two counts of bytes of one kind may differ: by so many
// bytes, or by such a share of what is claimed, whichever is more.
type Tolerance struct {
	Bytes int64   `json:"bytes,omitempty" koanf:"bytes"`
	Share float64 `json:"share,omitempty" koanf:"share"`
}

// allows reports whether counted is as good as told.
func (t Tolerance) allows(told, counted transfer.Bytes) bool {
	d := counted.Minus(told)
	return t.allow(told.Read, d.Read) && t.allow(told.ReadV, d.ReadV) && t.allow(told.Write, d.Write)
}

func (t Tolerance) allow(told, d int64) bool {
	return max(d, -d) <= max(t.Bytes, int64(t.Share*float64(told)))
}

// fresh returns the Unix second from which on what ends is not final, 0 for none.
func (o Options) fresh() float64 {
	if o.Now == 0 {
		return 0
	}
	late := o.Late
	if late == 0 {
		late = DefaultLate
	}
	return o.Now - max(0, late.Seconds())
}

// A selection decides which verdicts are reported.
type selection struct {
	Options
	server, client string
	servers        map[string]bool // names of the servers that the run's claims name or reached
	first, last    float64         // the span of time of the run
	slack          float64
}

func newSelection(o Options, claims []*claim) *selection {
	s := &selection{
		Options: o, slack: o.slack(),
		server: transfer.CleanServer(o.Server), client: transfer.CleanHost(o.Client),
	}
	if o.Run != "" {
		s.spanRun(claims)
	}
	return s
}

func (s *selection) spanRun(claims []*claim) {
	s.servers = make(map[string]bool)
	for _, c := range claims {
		if c.Run != s.Run {
			continue
		}
		if len(s.servers) == 0 {
			s.first = c.Opened
		}
		s.first, s.last = min(s.first, c.Opened), max(s.last, c.end)
		s.servers[c.server] = true
		for _, a := range c.joined {
			s.servers[a.names[0]], s.servers[a.names[1]] = true, true
		}
	}
}

// claim reports whether the verdict on c is selected.
func (s *selection) claim(c *claim) bool {
	if s.Run != "" && c.Run != s.Run || !s.during(c.Opened, c.end) {
		return false
	}
	server, client := s.server == "" || s.server == c.server, s.client == "" || s.client == c.host
	for _, a := range c.joined {
		server = server || a.named(s.server)
		client = client || c.host == "" && s.client == a.host
	}
	return server && client
}

// extra reports whether a, which belongs to no claim, is selected.
func (s *selection) extra(a *account) bool {
	if s.Run != "" && !s.inRun(a) {
		return false
	}
	return (s.server == "" || a.named(s.server)) && (s.client == "" || s.client == a.host) && s.during(a.begin, a.end)
}

func (s *selection) inRun(a *account) bool {
	return (s.servers[a.names[0]] || s.servers[a.names[1]]) &&
		a.begin <= s.last+s.slack && a.end > s.first-s.slack
}

// loss reports whether n is of a server and a time that are selected.
func (s *selection) loss(n *transfer.Loss) bool {
	server := transfer.CleanServer(n.Server)
	switch {
	case s.Run != "" && (!s.servers[server] || float64(n.Sent[0]) > s.last+s.slack || float64(n.Sent[1])+1 < s.first-s.slack):
		return false
	case s.server != "" && s.server != server:
		return false
	}
	return s.during(float64(n.Sent[0]), float64(n.Sent[1]))
}

func (s *selection) during(begin, end float64) bool {
	return (s.To == 0 || begin < float64(s.To)) && (s.From == 0 || end >= float64(s.From))
}
