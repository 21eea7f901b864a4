package main

import (
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// makeArchive makes what archives the checkpoints, if there is to be an archive.
func (s *server) makeArchive() error {
	c := s.cfg.Archive
	if !c.On() {
		return nil
	}
	target, err := c.Target(durable.OS{})
	if err != nil {
		return err
	}
	s.archive = &archive.Worker{
		Config: c, Target: target, FS: durable.OS{}, Source: s.archiveSource, Late: s.late, Unit: s.unit, Log: s.log,
		Saved: s.saved,
	}
	return nil
}

func (s *server) registerArchive() error {
	if s.archive == nil {
		return nil
	}
	return s.archive.Register(s.registry)
}

// saved returns up to when all that was accepted is in a checkpoint; zero: not known.
func (s *server) saved() time.Time {
	c := s.checkpoints.Stats()
	if c.Last.IsZero() {
		return c.Last
	}
	return c.Last.Add(-c.Took)
}

//nolint:ireturn // what the worker wants
func (s *server) archiveSource() (archive.Source, error) {
	return s.checkpoints.View(s.checkpoints.Damaged)
}

// late returns how long after it happened something is still taken in, or changes: then
// its day is not final.
func (s *server) late(kind checkpoint.Kind) time.Duration {
	switch kind {
	case checkpoint.Transfers: // a file that is silent for longer has ended, and a day is for what comes very late
		return s.cfg.Collect.Idle + 24*time.Hour
	case checkpoint.Claims:
		return s.cfg.Retention.Ledger
	case checkpoint.Packets:
		return 0
	default:
		return s.cfg.Retention.Longest()
	}
}

func (s *server) unit(name string) string {
	if id, ok := s.table.Lookup(name); ok {
		return s.table.At(id).Unit
	}
	return ""
}
