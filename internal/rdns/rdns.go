// Package rdns knows the names of addresses, as the reverse DNS tells them, for those
// who read answers. Nothing else rests on them: whoever owns an address chooses its
// name.
//
// Asking for a name never waits. One that is not known is looked up in the background,
// and is there for who asks again. What is known is bounded, and so is what waits to
// be looked up; what finds no room there is not looked up, and counted.
package rdns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Config is what an operator may choose.
type Config struct {
	// Enabled looks names up at all. Default false.
	Enabled bool `koanf:"enabled"`
	// Keep is how long a name, or that there is none, is believed. Default 1 h.
	Keep time.Duration `koanf:"keep"`
	// Max is how many addresses are remembered, some 200 bytes each. Default 50 000.
	Max int `koanf:"max"`
	// Timeout is how long one look-up may take. Default 5 s.
	Timeout time.Duration `koanf:"timeout"`
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config {
	return Config{Keep: time.Hour, Max: 50_000, Timeout: 5 * time.Second}
}

const (
	// workers is how many look-ups are made at a time.
	workers = 4
	// maxWaiting is how many addresses wait: some pages of a list of clients.
	maxWaiting = 4096
	// maxName is the longest name that DNS has.
	maxName = 253
)

// A Resolver looks names up: net.Resolver.
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
}

// Stats counts. All counts are since the start of the process.
type Stats struct {
	Known   int    // addresses that are remembered now
	Found   uint64 // look-ups that gave a name
	None    uint64 // that found none
	Failed  uint64 // that failed: they are tried again when asked for
	Dropped uint64 // addresses that were not looked up because too many wait
}

// A known is what was found out about an address.
type known struct {
	name    string
	until   time.Time
	waiting bool // it is being looked up
}

// Names knows names. Run must run for new ones to be found.
type Names struct {
	cfg      Config
	resolver Resolver
	queue    chan string

	mu  sync.Mutex
	all *lru.Cache[string, known]

	found, none, failed, dropped atomic.Uint64
}

// New returns Names that knows none yet.
func New(cfg Config, r Resolver) (*Names, error) {
	all, err := lru.New[string, known](cfg.Max)
	if err != nil {
		return nil, err
	}
	return &Names{cfg: cfg, resolver: r, queue: make(chan string, maxWaiting), all: all}, nil
}

// Name returns the name of an IP address, empty if it has none or none is known.
// pending tells that one may be known soon. An old name is told until there is a newer
// one.
func (n *Names) Name(address string) (name string, pending bool) {
	ip, err := netip.ParseAddr(address)
	if !n.cfg.Enabled || err != nil {
		return "", false
	}
	address = ip.Unmap().WithZone("").String()
	n.mu.Lock()
	defer n.mu.Unlock()
	k, ok := n.all.Get(address)
	if ok && (k.waiting || time.Now().Before(k.until)) {
		return k.name, k.waiting
	}
	select {
	case n.queue <- address:
		k.waiting = true
		n.all.Add(address, k)
		return k.name, true
	default:
		n.dropped.Add(1)
		return k.name, false
	}
}

// Run looks names up until ctx ends.
func (n *Names) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				select {
				case address := <-n.queue:
					n.lookUp(ctx, address)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Wait()
	return nil
}

func (n *Names) lookUp(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timeout)
	defer cancel()
	names, err := n.resolver.LookupAddr(ctx, address)
	name := first(names)
	var dns *net.DNSError
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case name != "":
		n.found.Add(1)
	case err == nil, errors.As(err, &dns) && dns.IsNotFound:
		n.none.Add(1)
	default:
		n.failed.Add(1)
		old, _ := n.all.Peek(address)
		n.all.Add(address, known{name: old.name, until: time.Now().Add(n.cfg.Timeout)})
		return
	}
	n.all.Add(address, known{name: name, until: time.Now().Add(n.cfg.Keep)})
}

// first returns the first of names that is one, without the dot at its end. Anything
// may stand in DNS.
func first(names []string) string {
	for _, name := range names {
		name = strings.TrimSuffix(name, ".")
		if name != "" && len(name) <= maxName && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == "" {
			return strings.ToLower(name)
		}
	}
	return ""
}

// Stats returns the counts up to now.
func (n *Names) Stats() Stats {
	return Stats{
		Known: n.all.Len(), Found: n.found.Load(), None: n.none.Load(), Failed: n.failed.Load(), Dropped: n.dropped.Load(),
	}
}
