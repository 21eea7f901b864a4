package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"tallystick/internal/auth"
)

// Limits are how much one caller may ask at once: who shows one token, or, where that has no
// ID (jti), all who show tokens of one name.
type Limits struct {
	// Rate is how many requests a caller may make in a second, on average; 0: any.
	Rate float64 `koanf:"rate"`
	// Burst is how many may come at once before Rate counts.
	Burst int `koanf:"burst"`
	// Concurrent is how many may be in hand at a time; 0: any. Each holds a buffer.
	Concurrent int `koanf:"concurrent"`
}

// CallerLimits are those of callers of one name (a token's sub, or what a certificate is called
// here) in place of everybody's. What is 0 is as for everybody.
type CallerLimits struct {
	Limits `koanf:",squash"`

	// MaxBody is how many bytes the body of one request may have, as Config.MaxBody.
	MaxBody int64 `koanf:"max_body"`
}

// DefaultLimits let all clients through that are meant to be: no rate, and some hundred
// requests in hand, which with their buffers take some 30 MB.
func DefaultLimits() Limits { return Limits{Burst: 1000, Concurrent: 500} }

// maxCallers bounds how many callers are remembered: more than there are tokens at a site. Only
// who can sign tokens can fill it; who was not heard of for longest is forgotten, and may begin
// anew.
const maxCallers = 4096

// limiter holds callers to limits.
type limiter struct {
	all   Limits
	named map[string]CallerLimits

	mu      sync.Mutex
	callers *lru.Cache[string, *caller]
}

// A caller is what is known of one.
type caller struct {
	limits Limits
	rate   *rate.Limiter
	inUse  int
}

func newLimiter(cfg Config) (*limiter, error) {
	callers, err := lru.New[string, *caller](maxCallers)
	return &limiter{all: cfg.Limits, named: cfg.Callers, callers: callers}, err
}

// of returns the limits of callers of a name.
func (l *limiter) of(name string) Limits {
	own := l.named[name]
	return Limits{
		Rate:       cmp.Or(own.Rate, l.all.Rate),
		Burst:      cmp.Or(own.Burst, l.all.Burst),
		Concurrent: cmp.Or(own.Concurrent, l.all.Concurrent),
	}
}

// enter counts a request of u, until leave is called. The reason is why it may not be answered
// now, and wait is when one may be again.
func (l *limiter) enter(u auth.User, now time.Time) (leave func(), reason string, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.caller(u)
	if c.limits.Concurrent > 0 && c.inUse >= c.limits.Concurrent {
		return nil, "concurrent", time.Second
	}
	if r := c.rate.ReserveN(now, 1); r.DelayFrom(now) > 0 {
		wait = r.DelayFrom(now)
		r.CancelAt(now) // it is not answered later, but refused
		return nil, "rate", wait
	}
	c.inUse++
	return func() { l.leave(c) }, "", 0
}

func (l *limiter) caller(u auth.User) *caller {
	key := "name " + u.Name
	if u.TokenID != "" {
		key = "token " + u.TokenID
	}
	if c, ok := l.callers.Get(key); ok {
		return c
	}
	limits, limit := l.of(u.Name), rate.Inf
	if limits.Rate > 0 {
		limit = rate.Limit(limits.Rate)
	}
	c := &caller{limits: limits, rate: rate.NewLimiter(limit, max(limits.Burst, 1))}
	l.callers.Add(key, c)
	return c
}

func (l *limiter) leave(c *caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.inUse--
}

// limit returns an error if the caller asks too much at once. What it counts ends with w.
func (a *API) limit(w *response, u auth.User) error {
	leave, reason, wait := a.limiter.enter(u, time.Now())
	if reason != "" {
		a.stats.limited.WithLabelValues(reason).Inc()
		return &Error{
			Status: http.StatusTooManyRequests, Retry: time.Duration(math.Ceil(wait.Seconds())) * time.Second,
			Message: fmt.Sprintf("too many requests of this token: http.limits.%s (or its own in http.callers)", reason),
		}
	}
	w.leave = leave
	return nil
}

// maxBody returns how long the body of a request may be, from whom is in its context.
func (a *API) maxBody(ctx context.Context) int64 {
	u, _ := auth.From(ctx)
	return cmp.Or(a.cfg.Callers[u.Name].MaxBody, a.cfg.MaxBody)
}
