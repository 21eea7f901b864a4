package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tallystick/internal/archive"
	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/keys"
	"tallystick/internal/auth/ldap"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/standing"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/certs"
	"tallystick/internal/checkpoint"
	"tallystick/internal/collect"
	"tallystick/internal/config"
	"tallystick/internal/demo"
	"tallystick/internal/durable"
	"tallystick/internal/forward"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/logs"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/rdns"
	"tallystick/internal/retain"
	"tallystick/internal/run"
	"tallystick/internal/selector"
	"tallystick/internal/settings"
	"tallystick/internal/source"
	"tallystick/internal/store"
	"tallystick/internal/systemd"
	"tallystick/internal/validate"
	"tallystick/internal/wal"
)

// A server is what `tallystick serve` runs: its parts, made and wired.
type server struct {
	cfg     config.Config
	log     *slog.Logger
	manager *systemd.Service
	control *control

	locks []*os.File // of the folders that are written to
	http  []net.Listener
	conns prometheus.Gauge   // connections of these
	certs *certs.Certs       // nil without TLS
	udp   [][]net.PacketConn // for each address
	nats  *nats.Conn         // nil without a broker
	amqp  *amqp.Conn         // nil without a broker
	stomp *stomp.Conn        // nil without a broker
	key   auth.Key           // that tokens can be signed with; in development

	registry    *prometheus.Registry
	table       *metric.Table
	store       *store.Store
	ledger      *ledger.Ledger
	collector   *collect.Collector
	ingest      *ingest.Ingest
	names       *rdns.Names
	checkpoints *checkpoint.Dir
	retain      *retain.Worker
	pressure    *retain.Pressure
	garbage     *retain.Garbage
	keys        *keys.Keeper
	api         *httpapi.API
	accounts    *accounts.DB      // nil without accounts
	people      *login.Dispatcher // nil without accounts
	standing    *standing.Register
	syncer      *ldap.Syncer // nil if accounts follow no directory

	wal     *wal.Log
	archive *archive.Worker // nil without an archive
	records forward.Outputs

	logDamaged atomic.Int64  // pieces of the log that could not be read
	back       chan struct{} // closed when restored
	restored   atomic.Bool   // what must be there before anything new comes is
	serving    atomic.Bool   // all parts are started, and not told to stop
}

// newServer makes all parts. It listens first, so that an address in use fails
// before anything is read; connections wait until there is somebody to answer. The
// sockets that it was given take the place of the configured addresses.
func newServer(ctx context.Context, cfg config.Config, from settings.Sources, given *systemd.Sockets, log *logs.Log) (*server, error) {
	s := &server{cfg: cfg, log: log.Logger, registry: prometheus.NewRegistry(), back: make(chan struct{})}
	s.garbage = &retain.Garbage{Slabs: func() int64 { return s.store.Stats().Slabs }}
	s.garbage.Begin()
	s.manager = &systemd.Service{Alive: s.alive, Status: s.status, Log: s.log}
	s.control = &control{s: s, file: &config.File{Sources: from, FS: durable.OS{}}, log: log, running: cfg}
	if err := s.make(ctx, given); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *server) make(ctx context.Context, given *systemd.Sockets) (err error) {
	if err := s.listen(ctx, given); err != nil {
		return err
	}
	if err := s.lockFolders(); err != nil {
		return err
	}
	if err := s.makeKey(); err != nil {
		return err
	}
	if err := s.makeState(); err != nil {
		return err
	}
	if err := s.connect(); err != nil { //nolint:contextcheck // it goes on trying in the background, until it is closed
		return err
	}
	if err := s.makeRecords(); err != nil {
		return err
	}
	return s.makeAPI(ctx)
}

// makeKey makes, in development, the key on the first start.
func (s *server) makeKey() (err error) {
	if s.cfg.Development && s.cfg.Auth.KeyFile != "" {
		s.key, err = signingKey(s.cfg)
	}
	return err
}

// makeState makes what has state.
func (s *server) makeState() error {
	table, err := s.cfg.MetricTable()
	if err != nil {
		return err
	}
	s.table = table
	s.store = store.New(table, s.cfg.Store)
	s.ledger = ledger.New(s.cfg.Ledger)
	s.wal = wal.New(s.cfg.WAL, durable.OS{}, time.Now, s.log)
	s.makeRetention()
	s.cfg.Ingest.Retention, s.cfg.Ingest.ClaimRetention = s.cfg.Retention.Longest(), s.cfg.Retention.Ledger
	s.cfg.Ingest.Keep, s.cfg.Ingest.Sure = s.cfg.Retention.Keep, s.cfg.Retention.Shortest()
	s.cfg.Ingest.Reconcile = s.cfg.Reconcile
	if s.names, err = rdns.New(s.cfg.DNS, net.DefaultResolver); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	s.ingest, err = ingest.New(s.cfg.Ingest, ingest.Parts{
		Collector: func(out collect.Output) ingest.Collector {
			s.collector = collect.New(s.cfg.Collect, out)
			return s.collector
		},
		Ledger: s.ledger, Table: table, Now: time.Now, Metrics: s.registry,
		Store: &retain.Tight{Store: s.store, Pressure: s.pressure, Now: time.Now},
		Log:   s.wal, Freed: func(at selector.Path, before int64) { s.checkpoints.Freed(at, before) },
	})
	if err != nil {
		return err
	}
	s.checkpoints = checkpoint.New(s.cfg.Checkpoint, durable.OS{}, checkpoint.Parts{
		Store: s.store, Table: table, Ledger: s.ledger, Collector: s.collector, Ingest: s.ingest,
		Pauser: struct {
			*ingest.Ingest
			*wal.Log
		}{s.ingest, s.wal},
		Packets: s.packets, Forget: s.wal.Forget, Old: s.old, Gone: s.gone, Room: s.room,
	}, s.log)
	return errors.Join(s.makeArchive(), s.register())
}

func (s *server) makeAPI(ctx context.Context) error {
	verifier, err := auth.NewVerifier(s.cfg.Auth.Config, time.Now)
	if err != nil {
		return err
	}
	s.keys = keys.New(s.cfg.Auth.Config, verifier, nil, s.log)
	if err := s.keys.Register(s.registry); err != nil {
		return fmt.Errorf("register keys: %w", err)
	}
	if err := s.makePeople(ctx, verifier); err != nil {
		return err
	}
	engine := query.New(s.store, s.table, s.cfg.Query)
	parts := httpapi.Parts{
		Auth:    verifier,
		Ingest:  s.ingest,
		Query:   engine,
		Compat:  httpapi.Compat{Table: s.table, Store: s.store, Reader: engine.Reader, Now: time.Now, Free: s.ingest.Free},
		Control: s.control,
		Ledger:  s.ledger, Reconcile: s.cfg.Reconcile, Name: s.names.Name, Sites: s.cfg.Collect.Sites().Of,
		Validate: func(_ context.Context, o validate.Options) (*validate.Report, error) {
			o.Now = float64(time.Now().Unix())
			return validate.Books(s.ledger, reportOptions(s.cfg, o)), nil
		},
		Ready:    s.notReady,
		Restored: s.howFar,
		Gather:   s.registry, Register: s.registry, Log: s.log,
	}
	s.admitPeople(&parts)
	s.api, err = httpapi.New(s.cfg.HTTP.API, parts)
	return err
}

func (s *server) notReady() []string {
	switch {
	case !s.restored.Load():
		return []string{"restoring: nothing is taken in yet"}
	case !s.serving.Load():
		return []string{"starting or stopping"}
	}
	return nil
}

// register makes what the parts count known to /metrics.
func (s *server) register() error {
	s.conns = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tallystick_http_connections", Help: "Connections of clients; each address has http.connections of them at most.",
	})
	return errors.Join(
		s.checkpoints.Register(s.registry),
		s.wal.Register(s.registry),
		s.registerArchive(),
		s.registry.Register(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Name: "tallystick_log_damaged_total", Help: "Pieces of the log that could not be read at the start."},
			func() float64 { return float64(s.logDamaged.Load()) })),
		s.registry.Register(gauges{s}),
		s.registry.Register(s.conns),
		s.registry.Register(collectors.NewGoCollector()),
		s.registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
	)
}

// run runs the server until ctx ends. What is added first stops last: the last
// checkpoint sees all that the others took in.
func (s *server) run(ctx context.Context, out io.Writer, playDemo bool) error {
	g := run.Group{Grace: s.cfg.Grace}
	save := &checkpoint.Worker{
		Saver: s.checkpoints, Every: s.cfg.Checkpoint.Every, Grace: s.cfg.Grace, Log: s.log,
		Due: func() bool { return s.wal.Size() > s.cfg.Checkpoint.LogBytes },
	}
	g.Add("watchdog", s.manager.Watch)
	g.Add("hangups", s.control.hangups)
	g.Add("log", s.wal.Run)
	g.Add("restore", s.restorer)
	g.Add("checkpoint", s.after(save.Run))
	if s.archive != nil {
		g.Add("archive", s.after(s.archive.Run))
	}
	g.Add("suspend", s.after((&suspender{save: save.Step, log: s.log}).Run))
	g.Add("retention", s.after(s.retain.Run))
	s.pressure.Save = save.Step
	g.Add("garbage", s.garbage.Run)
	g.Add("keys", s.keys.Run)
	g.Add("pressure", s.after(s.pressure.Run))
	g.Add("collector", s.after(s.ingest.Run))
	g.Add("names", s.names.Run)
	if s.certs != nil {
		g.Add("certificates", s.certs.Run)
	}
	if s.accounts != nil {
		g.Add("accounts", s.accounts.Run)
		g.Add("standing", s.standing.Run)
	}
	if s.syncer != nil {
		g.Add("directory", s.syncer.Run)
	}
	g.Add("http", httpapi.Serve(s.http, s.handler(), httpapi.DefaultPatience(s.cfg.Grace/2), s.conns, s.log))
	for _, conns := range s.udp {
		u, err := source.NewUDP(conns, s.ingest, s.registry, s.log)
		if err != nil {
			return err
		}
		g.Add("udp "+conns[0].LocalAddr().String(), s.after(u.Run))
	}
	if err := s.subscribe(&g); err != nil {
		return err
	}
	s.forward(&g)
	g.Add("ready", s.after(s.beReady))
	if playDemo {
		p, err := s.player(out)
		if err != nil {
			return err
		}
		g.Add("demo", s.after(p.Run))
	}
	return g.Run(ctx)
}

// beReady is ready as long as all parts before it run.
func (s *server) beReady(ctx context.Context) error {
	s.serving.Store(true)
	defer s.serving.Store(false)
	return s.manager.Ready(ctx)
}

// player returns the demonstration, which is a client like any other.
func (s *server) player(out io.Writer) (*demo.Player, error) {
	if len(s.udp) == 0 {
		return nil, errors.New("the demo needs udp.listen")
	}
	if !strings.HasPrefix(s.url(), "http://") {
		return nil, errors.New("the demo needs host:port first in http.listen, and no TLS")
	}
	token, err := s.key.Sign(auth.Claims{
		Subject: "demo", Roles: []auth.Role{auth.Writer, auth.Validator}, TTL: time.Hour,
		Issuer: s.cfg.Auth.Issuer, Audience: s.cfg.Auth.Audience,
	}, time.Now())
	if err != nil {
		return nil, fmt.Errorf("the demo needs a token, and so development mode: %w", err)
	}
	return &demo.Player{
		URL: s.url(), UDP: s.udp[0][0].LocalAddr().String(), Token: token, Out: out,
		Pace: 2 * time.Second, Wait: cmp.Or(s.cfg.Collect.Hold, time.Second)*2 + 20*time.Second,
	}, nil
}
