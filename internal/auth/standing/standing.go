// Package standing knows what has become of tokens since they were signed: which were revoked,
// and what the accounts of those who show them say now.
//
// Rules:
//
//   - A request waits for the database only where what is needed is not in memory: revocations
//     are copied every second, and an account is believed for as long.
//   - While the database does not answer, the copy stays: a revoked token stays so. An account
//     that cannot be asked for is nobody's.
//   - Memory is bounded. Where more is revoked than may be copied, the database is asked.
package standing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
)

const (
	// every is how often new revocations are looked for, and how long an account is believed.
	every = time.Second
	// overlap is how far back from the highest number is read each time: PostgreSQL gives
	// numbers before transactions end, so that a lower one may come after a higher one.
	overlap = 100
	// wholeEvery is how often all are read again: those that have ended go, and what came later
	// than overlap allows for is found.
	wholeEvery = time.Minute
	// maxHeld is how many revocations are held, of some 100 bytes each, and maxAccounts how
	// many accounts.
	maxHeld, maxAccounts = 100_000, 4096
	// page is how many are read at once.
	page = 1000
	// patience is how long the database may take for one request.
	patience = 2 * time.Second
)

// A Database has revocations and accounts: accounts.DB.
type Database interface {
	Revocations(ctx context.Context, after int64, limit int) ([]accounts.Revocation, error)
	Revoked(ctx context.Context, id string) (bool, error)
	Account(ctx context.Context, name string) (accounts.Account, error)
}

// A Register keeps the copy. It implements auth.Standing.
type Register struct {
	db       Database
	validate bool
	now      func() time.Time
	log      *slog.Logger
	known    *lru.Cache[string, known]
	failed   atomic.Uint64

	mu    sync.RWMutex
	ids   map[string]struct{}
	full  bool
	after int64     // the highest number that was read
	whole time.Time // when all were read
	told  bool      // that the database does not answer
}

// A known account, until when it is believed.
type known struct {
	user  auth.User
	err   error
	until time.Time
}

// errAccount is told of a token whose account is gone or disabled.
var errAccount = errors.New("its subject (sub) has no account, or a disabled one")

// New returns a register that has read all revocations. With validate, who has a token must
// have an account, whose roles count instead of the token's.
func New(ctx context.Context, db Database, validate bool, now func() time.Time, log *slog.Logger) (*Register, error) {
	cache, err := lru.New[string, known](maxAccounts)
	if err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	r := &Register{db: db, validate: validate, now: now, log: log, known: cache}
	return r, r.read(ctx)
}

// Run keeps the copy until ctx ends.
func (r *Register) Run(ctx context.Context) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			r.Step(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// Step looks for new revocations once.
func (r *Register) Step(ctx context.Context) {
	err := r.read(ctx)
	switch {
	case err == nil:
		r.told = false
	case ctx.Err() == nil:
		r.failed.Add(1)
		if !r.told {
			r.told = true
			r.log.Error("revocations are those of before", "err", err)
		}
	}
}

// read reads what is new, and from time to time all.
func (r *Register) read(ctx context.Context) error {
	now := r.now()
	again := now.Sub(r.whole) >= wholeEvery || now.Before(r.whole)
	after, ids, full := r.after-overlap, map[string]struct{}{}, r.full
	if again {
		after, full = 0, false
	}
	for {
		rows, err := r.db.Revocations(ctx, after, page)
		if err != nil {
			return err
		}
		for _, row := range rows {
			after = max(after, row.Serial)
			if len(ids) < maxHeld {
				ids[row.ID] = struct{}{}
			} else {
				full = true
			}
		}
		if len(rows) < page {
			break
		}
	}
	r.take(ids, again, full)
	if again {
		r.after, r.whole = after, now
	}
	r.after = max(r.after, after) // those that it overlaps may have ended
	return nil
}

// take takes what was read into use: in the place of what was there, or besides it.
func (r *Register) take(ids map[string]struct{}, instead, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = full
	if instead {
		r.ids = ids
		return
	}
	for id := range ids {
		if len(r.ids) >= maxHeld {
			r.full = true
			return
		}
		r.ids[id] = struct{}{}
	}
}

// Now implements auth.Standing.
func (r *Register) Now(ctx context.Context, u auth.User) (auth.User, error) {
	revoked, err := r.revoked(ctx, u.TokenID)
	switch {
	case err != nil:
		return auth.User{}, errors.New("whether it was revoked cannot be found out now")
	case revoked:
		return auth.User{}, errors.New("was revoked")
	case !r.validate || u.Source != "": // only tokens are for accounts to say
		return u, nil
	}
	account, err := r.account(ctx, u.Name)
	if err != nil {
		return auth.User{}, err
	}
	u.Roles = account.Roles
	u.Bounds, err = u.Bounds.And(account.Bounds)
	return u, err
}

func (r *Register) revoked(ctx context.Context, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	r.mu.RLock()
	_, there := r.ids[id]
	full := r.full
	r.mu.RUnlock()
	if there || !full {
		return there, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.db.Revoked(ctx, id)
}

// account returns the user of an account as it was within the last second.
func (r *Register) account(ctx context.Context, name string) (auth.User, error) {
	now := r.now()
	if k, ok := r.known.Get(name); ok && now.Before(k.until) {
		return k.user, k.err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := r.db.Account(ctx, name)
	switch {
	case errors.Is(err, accounts.ErrNotFound), err == nil && (a.Disabled || len(a.Roles) == 0):
		err = errAccount
	case err != nil:
		return auth.User{}, errors.New("the account of its subject (sub) cannot be asked for now")
	}
	r.known.Add(strings.Clone(name), known{a.User, err, now.Add(every)})
	return a.User, err
}

// Register makes its counts known.
func (r *Register) Register(reg prometheus.Registerer) error {
	return errors.Join(
		reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tallystick_auth_revoked_tokens", Help: "Revoked tokens that are held in memory.",
		}, func() float64 { return float64(r.held()) })),
		reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tallystick_auth_revocation_failures_total", Help: "Times that revocations could not be read.",
		}, func() float64 { return float64(r.failed.Load()) })))
}

func (r *Register) held() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.ids)
}
