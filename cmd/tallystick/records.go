package main

import (
	"os"
	"path/filepath"

	"tallystick/internal/durable"
	"tallystick/internal/forward"
	"tallystick/internal/run"
)

// makeRecords makes the outputs of records.
func (s *server) makeRecords() (err error) {
	cfg := s.cfg.Records
	if cfg.WLCG.Host, err = os.Hostname(); err != nil {
		return err
	}
	parts := forward.Parts{
		Ledger: s.ledger, FS: durable.OS{}, Dir: filepath.Join(s.cfg.Checkpoint.Dir, "records"), Metrics: s.registry, Log: s.log,
	}
	if s.nats != nil {
		parts.NATS = func(output string) (forward.NATS, error) { return s.nats.Publisher("records-" + output) }
	}
	if s.amqp != nil {
		parts.AMQP = s.amqp
	}
	if s.records, err = forward.New(cfg, parts); err != nil {
		return err
	}
	s.ledger.OnGone(s.records.Gone)
	s.ledger.OnEventGone(s.records.EventGone)
	return nil
}

// beginRecords has the outputs go on where they were. The ledger's order is what it was
// up to the number sure; negative: all of it. What a Step told before a crash is in no
// record of the log: it is told again first.
func (s *server) beginRecords(sure int64) error {
	s.ingest.Step()
	s.ledger.Settle()
	if sure < 0 {
		sure = s.ledger.Settled()
	}
	return s.records.Begin(sure)
}

// forward adds the outputs, which stop before what they send by.
func (s *server) forward(g *run.Group) {
	for _, w := range s.records {
		g.Add("records "+w.Name(), s.after(w.Run))
	}
}
