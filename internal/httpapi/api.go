// Package httpapi is the face of Tallystick to HTTP: routes, decoding,
// encoding, and what errors become.
//
//	request ─▶ route ─▶ recover, count, log ─▶ token, role ─▶ contract ─▶ handler
//
// The rules:
//
//   - The contract is api/openapi.yaml. Every route is in it and every operation
//     of it is a route, with the role that its x-role names. Parameters and
//     bodies are checked against it before a handler sees them; the bodies of
//     bulk routes are not, they are decoded piece by piece.
//   - Closed by default: a route has a role, or is one of the two of health, or the index.
//   - One bad input harms only itself: what is wrong with a message, claim or
//     line is told with its index, and the rest is taken. When a body breaks off
//     or there is no room for more, the answer says what was accepted before.
//   - A request of any size needs memory for one batch of it. So do answers: they
//     are encoded entry by entry, and no lock is held meanwhile.
//   - A client that neither sends nor takes a byte for Config.Stall loses its
//     connection; until then it holds its goroutine and one buffer, nothing else.
//   - Every request has an id, which is answered and logged; every answer says that it is
//     private, and what a browser must not do with it.
//   - Errors become statuses in one place, which is also the one that logs them.
//     A caller sees nothing of an error that is not its own but an incident id,
//     under which the log has it.
package httpapi

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/auth"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/query"
	"tallystick/internal/reconcile"
	"tallystick/internal/selector"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// Config is what an operator may choose.
type Config struct {
	// MaxBody is how many bytes the body of one request to ingest may have,
	// packed and unpacked. Default 1 GiB: a body is not held in memory, so that
	// this bounds the time that one request takes.
	MaxBody int64 `koanf:"max_body"`
	// Stall is how long a client may neither send nor take a byte that the
	// server waits for. Default 30 s.
	Stall time.Duration `koanf:"stall"`
	// Limits are for each caller.
	Limits Limits `koanf:"limits"`
	// Callers are, by name, who has other ones.
	Callers map[string]CallerLimits `koanf:"callers"`
}

// An Authenticator knows who is calling. Its error says what is wrong with the
// request's token, without secrets: the caller is told.
type Authenticator interface {
	Authenticate(r *http.Request) (auth.User, error)
}

// An Ingester takes what comes in. Packets and lines may be reused after it
// returned; claims belong to it then.
type Ingester interface {
	Packets(ctx context.Context, ps []collect.Packet) ingest.Result
	Claims(ctx context.Context, cs []*transfer.Claim) ingest.Result
	Lines(ctx context.Context, body []byte, o ingest.LineOptions) ingest.Result
}

// A Querier answers queries, and tells what there is to ask for.
type Querier interface {
	Query(ctx context.Context, r query.Request) ([]query.Series, error)
	Reuse(answer []query.Series) // nobody uses what Query returned any more
	Metrics(ctx context.Context, at selector.Path, where bool) ([]query.Metric, error)
	MetricsAt(at selector.Path) []string
	Children(ctx context.Context, at, after selector.Path, limit int) (levels []selector.Path, more bool, err error)
}

// A Ledger has the transfers and claims, which are not changed once they are
// there. It goes over those that f selects, in order, and holds no lock while
// the loop's body runs. Of servers it has the lives, what was lost on the way and
// what caches, copies, daemons and summaries tell, both ends of the time included.
type Ledger interface {
	AllTransfers(f ledger.Filter) iter.Seq[*transfer.Transfer]
	AllClaims(f ledger.Filter) iter.Seq[*transfer.Claim]
	Lives(server string, from, to int64) []transfer.Life
	Losses(server string, from, to int64) []transfer.Loss
	Witnesses
}

// Witnesses are the accounts of servers besides that of transfers.
type Witnesses interface {
	Events(server, path string, from, to int64) []transfer.Event
	Balances(server string, from, to int64) []transfer.Balance
}

// A Validator lays claims and transfers together.
type Validator func(ctx context.Context, o validate.Options) (*validate.Report, error)

// Parts are what an API stands in front of. All must be there.
type Parts struct {
	Auth     Authenticator
	Ingest   Ingester
	Query    Querier
	Ledger   Ledger
	Validate Validator
	Compat   Compat
	Control  Control
	// Login is the path where people log in, to which browsers are sent that come without a
	// token; empty: there is none.
	Login string
	// Account is the path where people see who they are, and what they lack; empty: there is none.
	Account string
	// Reconcile is what a good balance is.
	Reconcile reconcile.Config
	// Sites returns the sites of the servers at an address that packets come from, as far
	// as the operator has named them; nil: of none.
	Sites func(remote string) []string
	// Name returns the name of an IP address, if one is known, and whether one may be
	// known soon. It does not wait.
	Name func(address string) (name string, pending bool)
	// Ready returns why not all requests can be answered yet, for people; nothing
	// if they can.
	Ready func() []string
	// Restored returns how much is back after a start; nil: everything.
	Restored func() Restored

	Gather   prometheus.Gatherer   // what /metrics shows
	Register prometheus.Registerer // where the API's own metrics go
	Log      *slog.Logger
}

// An API is the handler of all routes.
type API struct {
	cfg      Config
	parts    Parts
	contract *contract
	stats    *stats
	limiter  *limiter
	router   *mux.Router
	header   http.Header // of every answer, shared by all
	buffers  sync.Pool   // of *[]byte
	writers  sync.Pool   // of *bufio.Writer
}

// New returns the API in front of the parts. An error means that contract and
// routes do not fit, or that the metrics are registered already.
func New(cfg Config, p Parts) (*API, error) {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 1 << 30
	}
	if cfg.Stall <= 0 {
		cfg.Stall = 30 * time.Second
	}
	if p.Sites == nil {
		p.Sites = func(string) []string { return nil }
	}
	if p.Restored == nil {
		p.Restored = func() Restored { return Restored{Ingest: true, Since: Everything} }
	}
	c, err := loadContract()
	if err != nil {
		return nil, err
	}
	s, err := newStats(p.Register)
	if err != nil {
		return nil, err
	}
	l, err := newLimiter(cfg)
	if err != nil {
		return nil, fmt.Errorf("make limits: %w", err)
	}
	a := &API{cfg: cfg, parts: p, contract: c, stats: s, limiter: l, header: privateHeader()}
	return a, a.route()
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }
