package ingest

import (
	"encoding/json"
	"fmt"
	"iter"
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
	Servers  []collect.Server   `json:"servers,omitempty"`
	Waiting  [][2]string        `json:"waiting,omitempty"`  // run and id of claims in the ledger, in their order
	Taken    *takenState        `json:"taken,omitempty"`    // messages
	Losses   []transfer.Loss    `json:"losses,omitempty"`   // of the ledger, which saves only transfers and claims itself
	Lives    []transfer.Life    `json:"lives,omitempty"`    // likewise
	Events   []placedEvent      `json:"events,omitempty"`   // likewise
	Balances []transfer.Balance `json:"balances,omitempty"` // likewise
	Second   int64              `json:"second,omitempty"`   // up to which the collector has completed what waits
	Told     int64              `json:"told,omitempty"`     // last number that the ledger gave
}

// A placedEvent is an event with its place in the ledger's order.
type placedEvent struct {
	transfer.Event

	Place int64 `json:"place,omitempty"`
}

func placed(es []transfer.Event) entry {
	var e entry
	for _, v := range es {
		e.Events = append(e.Events, placedEvent{v, v.Sequence})
	}
	return e
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
	for e := range i.entries() {
		if err := add(e); err != nil {
			return nil, fmt.Errorf("encode state of ingest: %w", err)
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

// entries yields what there may be much of, in pieces.
func (i *Ingest) entries() iter.Seq[entry] {
	waiting := [][2]string{}
	for _, c := range i.waiting.all() {
		waiting = append(waiting, [2]string{c.Run, c.ID})
	}
	const first, last = math.MinInt64, math.MaxInt64
	return func(yield func(entry) bool) {
		_ = pieces(yield, i.servers.all(), func(s []collect.Server) entry { return entry{Servers: s} }) &&
			pieces(yield, waiting, func(w [][2]string) entry { return entry{Waiting: w} }) &&
			pieces(yield, i.ledger.Losses("", first, last), func(l []transfer.Loss) entry { return entry{Losses: l} }) &&
			pieces(yield, i.ledger.Lives("", first, last), func(l []transfer.Life) entry { return entry{Lives: l} }) &&
			pieces(yield, i.ledger.Events("", "", first, last), placed) &&
			pieces(yield, i.ledger.Balances("", first, last), func(b []transfer.Balance) entry { return entry{Balances: b} })
	}
}

// pieces yields all in entries of a size that is good. It reports whether there may
// be more.
func pieces[T any](yield func(entry) bool, all []T, of func([]T) entry) bool {
	for part := range slices.Chunk(all, entrySize) {
		if !yield(of(part)) {
			return false
		}
	}
	return true
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
	for _, v := range e.Events {
		v.Sequence = v.Place
		i.ledger.FillEvent(v.Event)
	}
	for _, b := range e.Balances {
		i.ledger.PutBalance(b)
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
