package main

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/durable"
	"tallystick/internal/run"
	"tallystick/internal/source"
)

// connect connects to the brokers, or begins to try, or will.
func (s *server) connect() (err error) {
	if len(s.cfg.NATS.Broker.URLs) > 0 {
		if s.nats, err = nats.Connect(s.cfg.NATS.Broker, s.registry, s.log); err != nil {
			return err
		}
	}
	if len(s.cfg.AMQP.Broker.URLs) > 0 {
		if s.amqp, err = amqp.Connect(s.cfg.AMQP.Broker, s.registry, s.log); err != nil {
			return err
		}
	}
	if len(s.cfg.STOMP.Broker.URLs) > 0 {
		s.stomp, err = stomp.Connect(s.cfg.STOMP.Broker, s.registry, s.log)
	}
	return err
}

// subscribe adds the connections, each with what comes by it, which stops first, and
// files.
func (s *server) subscribe(g *run.Group) error {
	return errors.Join(s.subscribeNATS(g), s.subscribeAMQP(g), s.subscribeSTOMP(g), s.follow(g))
}

func (s *server) subscribeAMQP(g *run.Group) error {
	if s.amqp == nil {
		return nil
	}
	g.Add("amqp", s.amqp.Run)
	for _, name := range slices.Sorted(maps.Keys(s.cfg.AMQP.Subscriptions)) {
		a, err := source.NewAMQP(s.amqp, name, s.cfg.AMQP.Subscriptions[name], s.ingest, s.registry, s.log)
		if err != nil {
			return err
		}
		g.Add("amqp "+name, s.after(a.Run))
	}
	return nil
}

func (s *server) subscribeSTOMP(g *run.Group) error {
	if s.stomp == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.STOMP.Subscriptions)) {
		x, err := source.NewSTOMP(s.stomp, name, s.cfg.STOMP.Subscriptions[name], s.ingest, s.registry, s.log)
		if err != nil {
			return err
		}
		g.Add("stomp "+name, s.after(x.Run))
	}
	return nil
}

func (s *server) subscribeNATS(g *run.Group) error {
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

func (s *server) follow(g *run.Group) error {
	dir := filepath.Join(s.cfg.DataDir, "files")
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Files)) {
		f, err := source.NewFile(name, s.cfg.Files[name], dir, durable.OS{}, s.ingest, s.registry, s.log)
		if err != nil {
			return err
		}
		g.Add("file "+name, s.after(f.Run))
	}
	return nil
}
