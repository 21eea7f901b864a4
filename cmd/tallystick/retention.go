package main

import (
	"net/http"

	"tallystick/internal/retain"
)

// makeRetention makes what frees samples. What saves them first is known later.
func (s *server) makeRetention() {
	c := s.cfg.Retention
	s.retain = &retain.Worker{Store: s.store, Table: s.table, Ledger: s.ledger, Config: c, Log: s.log}
	s.pressure = &retain.Pressure{Store: s.store, Max: s.cfg.Store.MaxBytes, Log: s.log}
	if c.Jobs.URL != "" {
		jobs := retain.NewJobs(c.Jobs, &http.Client{}, s.log)
		s.retain.Jobs, s.pressure.Uses = jobs, jobs.Uses
	}
}
