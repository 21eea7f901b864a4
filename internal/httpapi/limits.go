package httpapi

import (
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
// ID (jti), all who show tokens of one name. How long a body may be is Config.MaxBody.
type Limits struct {
	// Rate is how many requests a caller may make in a second, on average; 0: any.
	Rate float64 `koanf:"rate"`
	// Burst is how many may come at once before Rate counts.
	Burst int `koanf:"burst"`
	// Concurrent is how many may be in hand at a time; 0: any. Each holds a buffer.
	Concurrent int `koanf:"concurrent"`
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
	cfg Limits

	mu      sync.Mutex
	callers *lru.Cache[string, *caller]
}

// A caller is what is known of one.
type caller struct {
	rate  *rate.Limiter
	inUse int
}

func newLimiter(cfg Limits) (*limiter, error) {
	callers, err := lru.New[string, *caller](maxCallers)
	return &limiter{cfg: cfg, callers: callers}, err
}

// enter counts a request of u, until leave is called. The reason is why it may not be answered
// now, and wait is when one may be again.
func (l *limiter) enter(u auth.User, now time.Time) (leave func(), reason string, wait time.Duration) {
	if l.cfg.Rate == 0 && l.cfg.Concurrent == 0 {
		return func() {}, "", 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.caller(u)
	if l.cfg.Concurrent > 0 && c.inUse >= l.cfg.Concurrent {
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
	limit := rate.Inf
	if l.cfg.Rate > 0 {
		limit = rate.Limit(l.cfg.Rate)
	}
	c := &caller{rate: rate.NewLimiter(limit, max(l.cfg.Burst, 1))}
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
			Message: fmt.Sprintf("too many requests of this token: http.limits.%s", reason),
		}
	}
	w.leave = leave
	return nil
}
