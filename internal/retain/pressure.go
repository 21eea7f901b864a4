package retain

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"tallystick/internal/selector"
	"tallystick/internal/store"
)

const (
	// high and low are the marks in parts of the cap, as in a water tank: above
	// the first it is emptied to the second.
	high = 0.90
	low  = 0.80
	// least is what goes at least: where writes are refused below the marks, since
	// the memory that is free has not the right sizes.
	least = 0.05

	// look is how often: at 5 million samples a second, 40 MB are filled meanwhile.
	look = time.Second
	// settle is how often blocks that late samples took apart are sealed again.
	settle = 10 * time.Second
	// rest is how long it is left alone when everything was done and memory is still
	// short: what is open now must first end.
	rest = 30 * time.Second

	// leastLoose and looseOf are how much memory must be free here and there before the
	// store is made compact, in bytes and as a part of all: less is what is about to be used.
	leastLoose = 2 << 20
	looseOf    = 32
)

// A Tidy puts in order what is at a node. *store.Store is one.
type Tidy interface {
	Settle(node selector.Path) (blocks int)
	Compact(node selector.Path)
}

// A Tank is a Store that is bounded. *store.Store is one.
type Tank interface {
	Nodes() []selector.Path
	Stats() store.Stats
	Tidy
	AddSaved(node selector.Path, before int64, ends map[int64]int64)
	FreeSaved(node selector.Path, before int64) store.Freed
}

// A Pressure makes room in a store that comes near its cap. Only what is saved
// goes: the blocks that ended first, whatever they are of; those of nodes that run
// jobs after those of all others. If that is not enough, everything is saved, and
// then it is tried again. Blocks that go on are never freed; if there is no room
// for all of these, the store refuses writes. It also has the store settle, cap or not.
type Pressure struct {
	Store Tank
	Max   int64                           // store.Config.MaxBytes; 0: none, and nothing is done
	Save  func(ctx context.Context) error // saves everything
	Uses  func(node selector.Path) bool   // whether a job runs there; nil: nowhere
	Log   *slog.Logger

	blocks, times, saves, short atomic.Int64

	refused int64 // as last seen; owned by Run
	loose   int64 // bytes that were free the last time that the store was made compact, at most
	until   time.Time
	settled time.Time
}

// PressureStats says what a Pressure has done since it was made.
type PressureStats struct {
	Times  int64 // that there was some
	Saves  int64 // because of it
	Blocks int64 // freed
	Short  int64 // times that it was not enough
}

// Stats returns the present numbers. It may be called while Run runs.
func (p *Pressure) Stats() PressureStats {
	return PressureStats{Times: p.times.Load(), Saves: p.saves.Load(), Blocks: p.blocks.Load(), Short: p.short.Load()}
}

// Run looks every second, until ctx ends.
func (p *Pressure) Run(ctx context.Context) error {
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			p.Step(ctx, now)
		case <-ctx.Done():
			return nil
		}
	}
}

// Step makes room if there is need of it, and returns how many blocks went.
func (p *Pressure) Step(ctx context.Context, now time.Time) (freed int) {
	if now.Sub(p.settled) >= settle || now.Before(p.settled) {
		p.settle(now)
	}
	if p.Max <= 0 || now.Before(p.until) || !p.high() {
		return 0
	}
	p.times.Add(1)
	p.settle(now)
	live := p.Store.Stats().Live
	goal := min(int64(low*float64(p.Max)), live-int64(least*float64(p.Max)))
	freed = p.relieve(ctx, now, goal)
	if p.Store.Stats().Live > goal && ctx.Err() == nil {
		p.saves.Add(1)
		if err := p.Save(ctx); err != nil {
			p.Log.Error("memory is short, and what is in it cannot be saved", "err", err)
		}
		freed += p.relieve(ctx, now, goal)
	}
	p.blocks.Add(int64(freed))
	p.compact()
	p.rest(now, freed)
	return freed
}

// settle has all nodes settle.
func (p *Pressure) settle(now time.Time) {
	p.settled = now
	for _, n := range p.Store.Nodes() {
		p.Store.Settle(n)
	}
	p.tidy()
}

// tidy has all nodes compact, if more has become free meanwhile that is here and there, and of
// sizes that nothing fits.
func (p *Pressure) tidy() {
	s := p.Store.Stats()
	free := s.Bytes - s.Live
	if p.loose = min(p.loose, free); free-p.loose < max(leastLoose, s.Bytes/looseOf) {
		return
	}
	for _, n := range p.Store.Nodes() {
		p.Store.Compact(n)
	}
	s = p.Store.Stats()
	p.loose = s.Bytes - s.Live
}

// compact has all nodes compact, if much is free and in places that nothing fits.
func (p *Pressure) compact() {
	if s := p.Store.Stats(); float64(s.Bytes-s.Live) < least*float64(p.Max) {
		return
	}
	for _, n := range p.Store.Nodes() {
		p.Store.Compact(n)
	}
}

// high reports whether memory is short, or was since the last time.
func (p *Pressure) high() bool {
	s := p.Store.Stats()
	refused := s.Refused > p.refused
	p.refused = s.Refused
	return refused || float64(s.Live) > high*float64(p.Max)
}

func (p *Pressure) rest(now time.Time, freed int) {
	s := p.Store.Stats()
	p.refused = s.Refused
	if float64(s.Live) <= high*float64(p.Max) {
		p.Log.Info("memory was short: freed the oldest of what is saved", "blocks", freed, "bytes", s.Live, "max", p.Max)
		return
	}
	p.short.Add(1)
	p.until = now.Add(rest)
	p.Log.Warn("memory is short, and all that may be freed is", "blocks", freed, "bytes", s.Live, "max", p.Max)
}

// relieve frees what is saved until the store is down at goal.
func (p *Pressure) relieve(ctx context.Context, now time.Time, goal int64) (freed int) {
	var idle, busy []selector.Path
	for _, n := range p.Store.Nodes() {
		if p.Uses != nil && p.Uses(n) {
			busy = append(busy, n)
		} else {
			idle = append(idle, n)
		}
	}
	for _, nodes := range [][]selector.Path{idle, busy} {
		freed += p.drain(ctx, nodes, now, p.Store.Stats().Live-goal)
	}
	return freed
}

// drain frees about n bytes of the nodes' oldest blocks.
func (p *Pressure) drain(ctx context.Context, nodes []selector.Path, now time.Time, n int64) (freed int) {
	if n <= 0 {
		return 0
	}
	ends := make(map[int64]int64)
	for _, node := range nodes {
		p.Store.AddSaved(node, now.Unix(), ends)
	}
	before, found := int64(0), false
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		if n <= 0 {
			break
		}
		n -= ends[end]
		before, found = end, true
	}
	if !found {
		return 0
	}
	for _, node := range nodes {
		if ctx.Err() != nil {
			return freed
		}
		freed += p.Store.FreeSaved(node, before).Blocks
	}
	return freed
}
