package main

import (
	"maps"
	"slices"

	"tallystick/internal/bus/nats"
	"tallystick/internal/run"
	"tallystick/internal/source"
)

// connect connects to the broker, or begins to try.
func (s *server) connect() (err error) {
	if len(s.cfg.NATS.Broker.URLs) > 0 {
		s.nats, err = nats.Connect(s.cfg.NATS.Broker, s.registry, s.log)
	}
	return err
}

// subscribe adds the connection and what comes by it, which stops first.
func (s *server) subscribe(g *run.Group) error {
	if s.nats == nil {
		return nil
	}
	g.Add("nats", s.nats.Run)
	for _, name := range slices.Sorted(maps.Keys(s.cfg.NATS.Subscriptions)) {
		n, err := source.NewNATS(s.nats, name, s.cfg.NATS.Subscriptions[name], s.ingest, s.registry, s.log)
		if err != nil {
			return err
		}
		g.Add("nats "+name, s.after(n.Run))
	}
	return nil
}
