package checkpoint

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"tallystick/internal/block"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// frees says what was freed on demand: what ended at or before the Unix second at the
// level, a node or one below it, and at the levels below that.
type frees map[selector.Path]int64

// has reports whether the block was freed.
func (f frees) has(b *store.BlockAt) bool {
	if len(f) == 0 {
		return false
	}
	at := b.Path
	for _, part := range [...]*selector.Part{nil, &at.Sub, &at.Component} {
		if part != nil {
			*part = selector.Part{}
		}
		if before, ok := f[at]; ok && end(b) <= before {
			return true
		}
	}
	return false
}

// end returns the Unix second at which the block ends.
func end(b *store.BlockAt) int64 { return (b.Index + 1) * block.Slots * b.Step }

// begin returns the Unix second at which it begins.
func begin(b *store.BlockAt) int64 { return b.Index * block.Slots * b.Step }

func (f frees) add(at selector.Path, before int64) {
	if old, ok := f[at]; !ok || old < before {
		f[at] = before
	}
}

// and returns f with all of g.
func (f frees) and(g frees) frees {
	both := maps.Clone(f)
	if both == nil {
		both = make(frees)
	}
	for at, before := range g {
		both.add(at, before)
	}
	return both
}

// A freed is one of frees in meta.json. Names may be any bytes, JSON strings not.
type freed struct {
	At     [6][]byte `json:"at"` // cluster, node, type, type-id, stype, stype-id, in base64
	Before int64     `json:"before"`
}

// MarshalJSON implements json.Marshaler.
func (f frees) MarshalJSON() ([]byte, error) {
	list := make([]freed, 0, len(f))
	for _, at := range slices.SortedFunc(maps.Keys(f), selector.Path.Compare) {
		c, s := at.Component, at.Sub
		list = append(list, freed{Before: f[at], At: [6][]byte{
			[]byte(at.Cluster), []byte(at.Node), []byte(c.Type), []byte(c.ID), []byte(s.Type), []byte(s.ID),
		}})
	}
	return json.Marshal(list)
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *frees) UnmarshalJSON(text []byte) error {
	var list []freed
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*f = make(frees)
	for _, x := range list {
		f.add(selector.Path{
			Cluster: string(x.At[0]), Node: string(x.At[1]),
			Component: selector.Part{Type: string(x.At[2]), ID: string(x.At[3])},
			Sub:       selector.Part{Type: string(x.At[4]), ID: string(x.At[5])},
		}, x.Before)
	}
	return nil
}

// freeing has the frees that are in no checkpoint yet.
type freeing struct {
	mu     sync.RWMutex
	fresh  frees
	saving frees // on their way into a checkpoint
}

func (f *freeing) add(at selector.Path, before int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fresh == nil {
		f.fresh = make(frees)
	}
	f.fresh.add(at, before)
}

// unless calls do, unless the block is freed. No free comes in between: one that
// comes after it finds what do did in the store.
func (f *freeing) unless(b *store.BlockAt, do func() error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.fresh.has(b) || f.saving.has(b) {
		return nil
	}
	return do()
}

// take returns what a checkpoint has to tell; saved says what became of it.
func (f *freeing) take() frees {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saving = f.fresh
	f.fresh = nil
	return f.saving
}

func (f *freeing) saved(ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !ok {
		f.fresh = f.fresh.and(f.saving)
	}
	f.saving = nil
}

// orderBlocks compares blocks by path, metric and index.
func orderBlocks(a, b *store.BlockAt) int {
	return cmp.Or(a.Path.Compare(b.Path), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Index, b.Index))
}
