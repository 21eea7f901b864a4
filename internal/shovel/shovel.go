package shovel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/run"
	"tallystick/internal/source"
)

// A Shovel carries datagrams from UDP to its outputs while it runs.
type Shovel struct {
	cfg     Config
	queue   *Queue
	intake  *intake
	mapping mapping
	counts  *counts
	servers *servers
	since   time.Time
	log     *slog.Logger

	sockets [][]net.PacketConn
	sources []*source.UDP
	outputs []*output
	pages   []page
}

// A Manager is who started the process: systemd.Service.
type Manager interface {
	Watch(ctx context.Context) error // that the shovel is alive
	Ready(ctx context.Context) error // and, when ctx ends, that it is stopping
}

// A page is a port that answers.
type page struct {
	name    string
	ln      net.Listener
	handler http.Handler
}

// New makes a shovel: it listens, opens the queue, and begins to connect. What it made is
// closed by Run, or here if there is an error.
func New(ctx context.Context, cfg Config, reg *prometheus.Registry, log *slog.Logger) (*Shovel, error) {
	s := &Shovel{cfg: cfg, log: log, servers: newServers(), since: time.Now()}
	s.intake = newIntake(s.put)
	if err := s.make(ctx, reg); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Shovel) make(ctx context.Context, reg *prometheus.Registry) (err error) {
	if s.cfg.ID == "" {
		if s.cfg.ID, err = os.Hostname(); err != nil {
			return fmt.Errorf("id: %w", err)
		}
	}
	if s.mapping, err = newMapping(s.cfg.Map); err != nil {
		return fmt.Errorf("map: %w", err)
	}
	if s.counts, err = newCounts(reg); err != nil {
		return fmt.Errorf("register counters: %w", err)
	}
	if s.queue, err = OpenQueue(ctx, s.cfg.Queue, s.cfg.ID, s.log); err != nil {
		return err
	}
	if err := s.listen(ctx, reg); err != nil {
		return err
	}
	if err := s.makeOutputs(ctx, reg); err != nil {
		return err
	}
	if err := s.register(reg); err != nil {
		return fmt.Errorf("register counters: %w", err)
	}
	return s.open(ctx, reg)
}

// register makes known to /metrics what nobody counts.
func (s *Shovel) register(reg prometheus.Registerer) error {
	return errors.Join(reg.Register(s.servers),
		reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "shoveler_queue_size", Help: "Datagrams that the output that is furthest behind has not sent.",
		}, s.waiting)),
		reg.Register(collectors.NewGoCollector()), reg.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
}

// open listens where pages are asked for.
func (s *Shovel) open(ctx context.Context, gather prometheus.Gatherer) error {
	var lc net.ListenConfig
	for _, p := range []struct {
		name, address string
		handler       http.Handler
	}{{"metrics", s.cfg.Metrics, s.handler(gather)}, {"profile", s.cfg.Profile, profiles()}} {
		if p.address == "" {
			continue
		}
		ln, err := lc.Listen(ctx, "tcp", p.address)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		s.pages = append(s.pages, page{p.name, ln, p.handler})
	}
	return nil
}

func (s *Shovel) listen(ctx context.Context, reg prometheus.Registerer) error {
	for _, addr := range s.cfg.UDP.Listen {
		conns, err := source.Listen(ctx, addr, s.cfg.UDP, s.log)
		if err != nil {
			return fmt.Errorf("udp.listen: %w", err)
		}
		s.sockets = append(s.sockets, conns)
		u, err := source.NewUDP(conns, s, reg, s.log)
		if err != nil {
			return err
		}
		s.sources = append(s.sources, u)
	}
	return nil
}

func (s *Shovel) makeOutputs(ctx context.Context, reg prometheus.Registerer) error {
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Outputs)) {
		o, err := s.newOutput(ctx, name, reg)
		if err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
		s.outputs = append(s.outputs, o)
	}
	return nil
}

func (s *Shovel) newOutput(ctx context.Context, name string, reg prometheus.Registerer) (*output, error) {
	cfg := s.cfg.Outputs[name]
	o := &output{name: name, cfg: cfg, queue: s.queue, log: s.log.With("output", name, "receiver", cfg.where())}
	var err error
	if o.place, err = s.queue.place(ctx, name); err != nil {
		return nil, err
	}
	if o.counts, err = newOutputCounts(reg, name); err != nil {
		return nil, fmt.Errorf("register counters: %w", err)
	}
	for _, p := range cfg.CheckFiles() {
		o.log.Warn("a file is not as it should be; it is read again for each connection", "key", p.Key, "err", p.Err)
	}
	o.to, err = newReceiver(name, cfg, reg, o.log) //nolint:contextcheck // it goes on trying in the background, until it is closed
	return o, err
}

// close closes what nobody runs.
func (s *Shovel) close() {
	for _, conns := range s.sockets {
		source.Close(conns)
	}
	for _, p := range s.pages {
		_ = p.ln.Close()
	}
	if s.queue != nil {
		_ = s.queue.Close() // there is another error
	}
}

// Run carries datagrams until ctx ends. Then it takes in no more, puts what the kernel has
// into the queue, waits for what is on its way, and closes the queue.
func (s *Shovel) Run(ctx context.Context, m Manager) error {
	g := run.Group{Grace: s.cfg.Grace}
	g.Add("watchdog", m.Watch)
	g.Add("queue", s.queue.Run)
	for _, p := range s.pages {
		g.Add(p.name, serve(p.ln, p.handler, s.log))
	}
	for _, o := range s.outputs {
		g.Add("connection of output "+o.name, o.to.hold)
		g.Add("output "+o.name, o.Run)
	}
	g.Add("intake", s.intake.Run)
	for i, u := range s.sources {
		g.Add("udp "+s.cfg.UDP.Listen[i], u.Run)
	}
	g.Add("ready", m.Ready)
	return errors.Join(g.Run(ctx), s.queue.Close())
}

// MetricsAddr is where /metrics is, nil for nowhere.
func (s *Shovel) MetricsAddr() net.Addr {
	for _, p := range s.pages {
		if p.name == "metrics" {
			return p.ln.Addr()
		}
	}
	return nil
}

// Addrs are where datagrams are received.
func (s *Shovel) Addrs() (out []net.Addr) {
	for _, conns := range s.sockets {
		out = append(out, conns[0].LocalAddr())
	}
	return out
}

// Packets implements source.Sink: what can be XRootD's is on its way into the queue.
func (s *Shovel) Packets(_ context.Context, ps []collect.Packet) (r ingest.Result) {
	s.counts.received.Add(float64(len(ps)))
	now := time.Now()
	for i := range ps {
		if s.cfg.Verify && !verify(ps[i].Data) {
			s.counts.invalid.Inc()
			r.Rejected++
			continue
		}
		s.servers.saw(now, ps[i].Remote, ps[i].Data)
		s.intake.take(Datagram{Arrival: now.UnixNano(), Remote: s.mapping.remote(ps[i].Remote), Data: ps[i].Data})
		r.Accepted++
	}
	return r
}

// put puts a pack into the queue, and counts it if that drops it.
func (s *Shovel) put(ctx context.Context, pack []Datagram) {
	switch err := s.queue.Put(ctx, pack); {
	case err == nil:
	case errors.Is(err, errFull):
		s.counts.full.Add(float64(len(pack)))
	default:
		s.counts.disk.Add(float64(len(pack)))
	}
}
