package ingest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// entrySize is how many servers or claims an entry of the state has: few enough
// that one which cannot be read costs little.
const entrySize = 256

// An entry is a piece of the state. It has one of these.
type entry struct {
	Servers []collect.Server `json:"servers,omitempty"`
	Waiting [][2]string      `json:"waiting,omitempty"` // run and id of claims in the ledger, in their order
	Taken   *takenState      `json:"taken,omitempty"`   // messages
	Losses  []transfer.Loss  `json:"losses,omitempty"`  // of the ledger, which saves only transfers and claims itself
	Lives   []transfer.Life  `json:"lives,omitempty"`   // likewise
	Second  int64            `json:"second,omitempty"`  // up to which the collector has completed what waits
	Told    int64            `json:"told,omitempty"`    // last number that the ledger gave
}

// State returns what ingest itself has to remember: what servers are called, which
// claims wait for theirs, which messages were taken, what was seen of servers and
// lost on the way, and how far the collector has come.
// It must be called in Pause, so that it fits the ledger and the collector.
func (i *Ingest) State() ([][]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out [][]byte
	add := func(e entry) error {
		b, err := json.Marshal(e)
		out = append(out, b)
		return err
	}
	for part := range slices.Chunk(i.servers.all(), entrySize) {
		if err := add(entry{Servers: part}); err != nil {
			return nil, fmt.Errorf("encode servers: %w", err)
		}
	}
	for part := range slices.Chunk(i.waiting.all(), entrySize) {
		var e entry
		for _, c := range part {
			e.Waiting = append(e.Waiting, [2]string{c.Run, c.ID})
		}
		if err := add(e); err != nil {
			return nil, fmt.Errorf("encode waiting claims: %w", err)
		}
	}
	for part := range slices.Chunk(i.ledger.Losses("", math.MinInt64, math.MaxInt64), entrySize) {
		if err := add(entry{Losses: part}); err != nil {
			return nil, fmt.Errorf("encode losses: %w", err)
		}
	}
	for part := range slices.Chunk(i.ledger.Lives("", math.MinInt64, math.MaxInt64), entrySize) {
		if err := add(entry{Lives: part}); err != nil {
			return nil, fmt.Errorf("encode lives: %w", err)
		}
	}
	taken, err := i.messages.state()
	if err != nil {
		return nil, err
	}
	for _, s := range taken {
		if err := add(entry{Taken: &s}); err != nil {
			return nil, fmt.Errorf("encode messages: %w", err)
		}
	}
	i.ledger.Settle()
	if told := i.ledger.Settled(); i.second != 0 || told != 0 {
		if err := add(entry{Second: i.second, Told: told}); err != nil {
			return nil, fmt.Errorf("encode second: %w", err)
		}
	}
	return out, nil
}

// Restore adds an entry of State to what is known. The ledger must have its
// claims back already, the collector not yet, and no batch may have begun.
func (i *Ingest) Restore(now time.Time, data []byte) error {
	i.at, i.restoring = now, true
	var e entry
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("decode state of ingest: %w", err)
	}
	for _, s := range e.Servers {
		i.restoreServer(s)
	}
	for _, l := range e.Losses {
		i.ledger.PutLoss(l)
	}
	for _, l := range e.Lives {
		i.ledger.PutLife(l)
	}
	if e.Taken != nil {
		if err := i.messages.restore(*e.Taken); err != nil {
			return err
		}
	}
	for _, key := range e.Waiting {
		i.restoreClaim(key[0], key[1])
	}
	i.second = max(i.second, e.Second)
	i.ledger.Resume(e.Told)
	return nil
}

func (i *Ingest) restoreServer(s collect.Server) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.servers.restore(s); err != nil {
		i.counts.reject(kindServer, ReasonFull)
	}
}

func (i *Ingest) restoreClaim(run, id string) {
	c := i.ledger.Claim(run, id)
	if c == nil {
		i.counts.refuse(ReasonGone)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.place(c)
}
