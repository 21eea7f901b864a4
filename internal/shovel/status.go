package shovel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Status is how a shovel is doing.
type Status struct {
	ID      string         `json:"id"`
	Life    string         `json:"life"`  // of the queue
	Since   time.Time      `json:"since"` // it runs
	Queue   QueueStatus    `json:"queue"`
	Outputs []OutputStatus `json:"outputs"`
	Servers []ServerStatus `json:"servers"`
}

// A QueueStatus is what is in the queue.
type QueueStatus struct {
	OK       bool       `json:"ok"`                // it can be written
	Problem  string     `json:"problem,omitempty"` // why not
	Bytes    uint64     `json:"bytes"`
	MaxBytes int64      `json:"max_bytes"`
	Oldest   *time.Time `json:"oldest,omitempty"`
	Next     uint64     `json:"next"` // number of the next datagram
}

// An OutputStatus is how far an output is.
type OutputStatus struct {
	Name    string     `json:"name"`
	To      string     `json:"to"`
	Waiting uint64     `json:"waiting"` // datagrams that are not sent yet
	Sent    uint64     `json:"sent"`    // number of the last that was
	Problem string     `json:"problem,omitempty"`
	Since   *time.Time `json:"problem_since,omitempty"`
}

// Status returns how the shovel is doing.
func (s *Shovel) Status(ctx context.Context) Status {
	life, next := s.queue.number()
	out := Status{ID: s.cfg.ID, Life: life, Since: s.since, Servers: s.servers.status()}
	d, err := s.queue.Depth(ctx)
	out.Queue = QueueStatus{OK: true, Bytes: d.Bytes, MaxBytes: s.cfg.Queue.MaxBytes, Next: next}
	if err := cmp.Or(err, s.queue.cramped()); err != nil {
		out.Queue.OK, out.Queue.Problem = false, err.Error()
	}
	if !d.Oldest.IsZero() {
		out.Queue.Oldest = &d.Oldest
	}
	for _, o := range s.outputs {
		out.Outputs = append(out.Outputs, o.status(life, next))
	}
	return out
}

func (o *output) status(life string, next uint64) OutputStatus {
	at := o.place.where()
	out := OutputStatus{Name: o.name, To: o.cfg.where(), Sent: at.Number, Waiting: next - 1}
	if at.Life == life {
		out.Waiting -= at.Number
	}
	if since, err := o.problem(); err != nil {
		out.Problem, out.Since = err.Error(), &since
	}
	return out
}

// problem returns why nothing goes, or would go, and since when: that there is no connection
// says more than what follows from it.
func (o *output) problem() (since time.Time, err error) {
	if since, err = o.to.trouble(); err != nil {
		return since, err
	}
	return o.trouble.Now()
}

// Line is the status on one line.
func (s *Shovel) Line(ctx context.Context) string {
	st := s.Status(ctx)
	troubled := 0
	for _, o := range st.Outputs {
		if o.Problem != "" {
			troubled++
		}
	}
	return fmt.Sprintf("%d servers; %.0f datagrams wait; %d of %d outputs cannot send",
		len(st.Servers), s.waiting(), troubled, len(st.Outputs))
}

// waiting returns the datagrams that the output that is furthest behind has not sent.
func (s *Shovel) waiting() (most float64) {
	life, next := s.queue.number()
	for _, o := range s.outputs {
		most = max(most, float64(o.status(life, next).Waiting))
	}
	return most
}

// Alive returns an error if datagrams cannot be kept, and to start again might help.
func (s *Shovel) Alive(context.Context) error {
	if e, _ := s.queue.current(); e == nil {
		return errDown
	}
	return nil
}

// handler answers on the metrics port.
func (s *Shovel) handler(gather prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gather, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := cmp.Or(s.Alive(r.Context()), s.queue.cramped()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(s.Status(r.Context())); err != nil {
			s.log.Debug("status is not told", "err", err)
		}
	})
	return mux
}

// profiles answers on the profile port.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// serve returns a part that serves h on ln.
func serve(ln net.Listener, h http.Handler, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		srv := &http.Server{
			Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
			WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
		stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // nobody waits for these answers
		defer stop()
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}
