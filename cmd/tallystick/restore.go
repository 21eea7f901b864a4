package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/collect"
	"tallystick/internal/durable"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/pages"
	"tallystick/internal/wal"
)

// lockFolders locks the folders that are written to, so that no other process does.
func (s *server) lockFolders() error {
	for key, dir := range map[string]string{"checkpoint.dir": s.cfg.Checkpoint.Dir, "wal.dir": s.cfg.WAL.Dir} {
		f, err := durable.Lock(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		s.locks = append(s.locks, f)
	}
	return nil
}

// restore brings back what must be there before anything new comes: the checkpoints'
// states and counts, and what the log has since.
func (s *server) restore(ctx context.Context) error {
	info, err := s.checkpoints.Restore(ctx)
	if err != nil {
		return err
	}
	if info.Path != "" {
		s.log.Info("restored", restoredArgs(&info)...)
	}
	sure := s.ledger.Settled()
	whole, err := s.replay(ctx, info)
	if err != nil {
		return err
	}
	if whole && info.Whole() {
		sure = -1
	}
	return s.beginRecords(sure)
}

// replay applies what the log has that no checkpoint has, and reports whether all packets
// could be read that were written to it, its end aside.
func (s *server) replay(ctx context.Context, from checkpoint.Info) (whole bool, err error) {
	whole = true
	start, records, unused := time.Now(), 0, 0
	last := from.Created
	var closed error
	damaged := func(d wal.Damage) {
		switch {
		case d.Closed: // the next checkpoint would have the log forget it
			closed = fmt.Errorf("replay the log: %s", d)
			return
		case d.Tail:
			s.log.Warn("the log ends within a record, as a crash leaves it", "damage", d.String())
			return
		}
		whole = false
		s.logDamaged.Add(1)
		s.wal.SetAside(d.Segment)
		s.log.Error("a piece of the log cannot be read, and is lost", "damage", d.String())
	}
	for r, err := range wal.Read(durable.OS{}, s.cfg.WAL.Dir, from.Log, 0, damaged) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return false, err
		}
		last = r.At
		records++
		if err := s.ingest.Replay(r); err != nil {
			whole = whole && ingest.RecordPackets(r.Payload, func(collect.Packet) {}) == nil // what had no room is told in no record
			if unused++; unused <= 10 {
				s.log.Error("not all of a record of the log could be used", "segment", r.Segment, "offset", r.Offset, "err", err)
			}
		}
	}
	if closed != nil {
		return false, closed
	}
	s.wal.After(last, from.Log)
	if records > 0 {
		s.log.Info("replayed the log", "records", records, "unused", unused, "took", time.Since(start))
	}
	return whole, nil
}

func restoredArgs(i *checkpoint.Info) []any {
	return []any{
		"path", i.Path, "blocks", i.Blocks, "transfers", i.Transfers,
		"claims", i.Claims, "damaged", i.Damaged, "refused", i.Refused, "took", i.Took,
	}
}

// fill brings back the samples that restore left.
func (s *server) fill(ctx context.Context) error {
	info, err := s.checkpoints.Fill(ctx)
	if err == nil && info.Blocks > 0 {
		s.log.Info("restored older samples", restoredArgs(&info)...)
	}
	return err
}

// restorer restores, lets the parts begin that wait for it, and goes on with what
// they need not wait for.
func (s *server) restorer(ctx context.Context) error {
	if err := s.restore(ctx); err != nil {
		return err
	}
	s.restored.Store(true)
	close(s.back)
	s.log.Info("ready to take in")
	if err := s.fill(ctx); err != nil {
		return err
	}
	s.log.Info("ready for all questions")
	if err := pages.Release(); err != nil { // what it takes to come back is not needed again
		s.log.Debug("the pages of the binary stay in memory", "err", err)
	}
	<-ctx.Done()
	return nil
}

// after returns a part that begins once the state is back. Where that does not happen,
// nothing has changed, and there is nothing to save.
func (s *server) after(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-s.back:
			return run(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// howFar says how much is back.
func (s *server) howFar() httpapi.Restored {
	r := httpapi.Restored{Ingest: s.restored.Load(), Since: httpapi.Everything}
	if since := s.checkpoints.Since(); since != checkpoint.Everything {
		r.Since = since + int64(s.cfg.Ingest.Future/time.Second) // what came before may be so far ahead
	}
	return r
}

// packets yields those in segments of the log. An error is that a segment cannot be opened
// now, as where too many files are open; what is damaged is told and left out.
func (s *server) packets(from, to int) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		more := true
		var closed error
		damaged := func(d wal.Damage) {
			switch {
			case d.Closed:
				closed = errors.New(d.String())
			case !d.Tail:
				s.log.Error("packets in the log cannot be read, and are in no checkpoint", "damage", d.String())
			}
		}
		for r, err := range wal.Read(durable.OS{}, s.cfg.WAL.Dir, from, to, damaged) {
			if err != nil {
				yield(checkpoint.Packet{}, err)
				return
			}
			_ = ingest.RecordPackets(r.Payload, func(p collect.Packet) { // what cannot be read could not be applied
				more = more && yield(checkpoint.Packet{At: r.At, Remote: p.Remote, Data: p.Data, Arrival: p.Arrival}, nil)
			})
			if !more {
				return
			}
		}
		if closed != nil {
			yield(checkpoint.Packet{}, closed)
		}
	}
}

// old reports whether samples that end then are past retention.
func (s *server) old(cluster, metric string, end int64) bool {
	keep := s.cfg.Retention.Keep(cluster, metric)
	if s.cfg.Retention.Jobs.URL != "" { // which nodes run jobs is not known yet
		keep = max(keep, s.cfg.Retention.Jobs.Max)
	}
	return end <= time.Now().Add(-keep).Unix()
}

// gone reports whether what ended then need not stay in the checkpoints.
func (s *server) gone(kind checkpoint.Kind, cluster, metric string, end int64) bool {
	if s.archive != nil && (!s.archive.Archived(kind, end) || kind == checkpoint.Transfers && end <= 0) {
		return false // a transfer of no known time is of no day: it stays
	}
	switch kind {
	case checkpoint.Transfers, checkpoint.Claims:
		return end <= time.Now().Add(-s.cfg.Retention.Ledger).Unix()
	case checkpoint.Packets:
		return s.archive != nil || end <= time.Now().Add(-s.cfg.Retention.Longest()).Unix()
	default:
		return s.old(cluster, metric, end)
	}
}

// fillUpTo is how full the store may become by what is restored, in parts of its cap:
// more would be freed again at once.
const fillUpTo = 0.8

func (s *server) room() bool {
	limit := s.cfg.Store.MaxBytes
	return limit <= 0 || float64(s.store.Stats().Live) < fillUpTo*float64(limit)
}
