// Package throttle slows down who guesses passwords.
//
// Each attempt counts as a failure until it is known to be none. A name and a network have some
// failures for nothing; after each further one they wait, twice as long each time, up to a
// limit: nobody is locked out for ever, least of all by somebody else. All attempts together
// have a rate besides.
//
// Memory is bounded: names and networks that were not heard of for the longest are forgotten for
// new ones, and a name counts by its digest, so its length does not matter. Who brings enough
// names and networks to be forgotten meets the common rate.
package throttle

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxKept is how many names, and how many networks, are remembered: about 1 MB in all.
const maxKept = 8192

// Config is what an operator may choose.
type Config struct {
	// Names and Networks are how many failures one has for nothing.
	Names    int `koanf:"failures_per_name"`
	Networks int `koanf:"failures_per_network"` // of /24 or /64
	// Wait is how long who has used them up waits after one more failure; each further one
	// doubles it, up to Longest. Who has not failed for Longest starts anew.
	Wait    time.Duration `koanf:"wait"`
	Longest time.Duration `koanf:"longest_wait"`
	// Rate is how many attempts there may be in a second, of all together, and of a burst ten
	// times as many.
	Rate float64 `koanf:"rate"`
}

// Default returns what is good for a site.
func Default() Config {
	return Config{Names: 5, Networks: 20, Wait: time.Second, Longest: 5 * time.Minute, Rate: 10}
}

// A record is what is remembered of a name or a network.
type record struct {
	failures int
	last     time.Time
}

type (
	name    [sha256.Size]byte
	network = netip.Prefix
)

// A Throttle counts attempts. It may be used by several goroutines at the same time.
type Throttle struct {
	cfg Config
	all *rate.Limiter

	mu       sync.Mutex
	names    *lru.Cache[name, record]
	networks *lru.Cache[network, record]
}

// New returns a throttle that has seen nothing.
func New(cfg Config) (*Throttle, error) {
	names, err := lru.New[name, record](maxKept)
	if err != nil {
		return nil, err
	}
	networks, err := lru.New[network, record](maxKept)
	if err != nil {
		return nil, err
	}
	all := rate.NewLimiter(rate.Limit(cfg.Rate), max(1, int(10*cfg.Rate)))
	return &Throttle{cfg: cfg, all: all, names: names, networks: networks}, nil
}

// Begin counts an attempt to be who, from an address, and returns 0; or it returns how long to
// wait before the next, and has counted nothing. An empty who has not said.
func (t *Throttle) Begin(now time.Time, who string, from netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, net := sha256.Sum256([]byte(who)), Network(from)
	byName, _ := t.names.Get(n)
	byNet, _ := t.networks.Get(net)
	wait := t.left(byNet, t.cfg.Networks, now)
	if who != "" {
		wait = max(wait, t.left(byName, t.cfg.Names, now))
	}
	if wait > 0 {
		return wait
	}
	if !t.all.AllowN(now, 1) {
		return t.cfg.Wait
	}
	if who != "" {
		t.names.Add(n, t.failed(byName, now))
	}
	t.networks.Add(net, t.failed(byNet, now))
	return 0
}

// Succeeded takes back what Begin has counted, and forgets the failures of who.
func (t *Throttle) Succeeded(who string, from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names.Remove(sha256.Sum256([]byte(who)))
	net := Network(from)
	if r, ok := t.networks.Get(net); ok {
		r.failures = max(0, r.failures-1)
		t.networks.Add(net, r)
	}
}

func (t *Throttle) failed(r record, now time.Time) record {
	if now.Sub(r.last) > t.cfg.Longest {
		r.failures = 0
	}
	return record{r.failures + 1, now}
}

// left returns how long who has record r still waits.
func (t *Throttle) left(r record, free int, now time.Time) time.Duration {
	if r.failures < free {
		return 0
	}
	wait := t.cfg.Longest
	if doubled := r.failures - free; doubled < 32 {
		wait = min(wait, t.cfg.Wait<<doubled)
	}
	return r.last.Add(wait).Sub(now)
}

// Network returns the /24 (IPv4) or /64 (IPv6) that an address is in: what one person may have
// at hand.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: those without one have one network
	}
	return p
}
