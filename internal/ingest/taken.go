package ingest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
)

// A Message is what a broker calls a message, which it may give out again: a number that
// no other message of the source has. The zero Message comes once.
type Message struct {
	Source string
	Number uint64
}

const (
	// sources is how many sources are known: one for each consumer that was ever made.
	// The one that has been silent longest gives way.
	sources = 1024
	// numbersKnown is how far below the highest number others are known: more than a
	// broker ever gives out before it hears of the first. They take 8 MiB at most, mostly
	// some bytes, since they have few gaps.
	numbersKnown = 1 << 26
	// partsKnown is of how many messages of a source it is known which part was taken.
	partsKnown = 1 << 16
)

// taken has the messages that were taken. A broker writes down a little later what it was
// told is done with; having died in between, or if we have, it gives that out again, maybe
// after many others. A line of a metric that folds by sum would be counted twice.
//
// The zero value knows none.
type taken struct {
	sources map[string]*numbers
	clock   int // counts up with each message
}

// numbers are those of the messages of one source.
type numbers struct {
	heard int // clock of the last one
	done  *roaring64.Bitmap
	left  map[uint64]indexes // what is not taken of those that are not done
}

// left returns what of a message is not taken; known is false if that is all of it.
func (t *taken) left(m Message) (left indexes, known bool) {
	of, ok := t.sources[m.Source]
	if !ok {
		return nil, false
	}
	if of.done.Contains(m.Number) {
		return nil, true
	}
	left, known = of.left[m.Number]
	return left, known
}

// put says what of a message is not taken, and will be if it comes again.
func (t *taken) put(m Message, left indexes) {
	if m.Source == "" {
		return
	}
	of := t.source(m.Source)
	t.clock++
	of.heard = t.clock
	if len(left) > 0 {
		of.left[m.Number] = left
		if len(of.left) > partsKnown {
			delete(of.left, slices.Min(slices.Collect(maps.Keys(of.left))))
		}
		return
	}
	delete(of.left, m.Number)
	of.done.Add(m.Number)
	if m.Number > numbersKnown && m.Number%1024 == 0 {
		of.done.RemoveRange(0, m.Number-numbersKnown)
	}
}

// source returns the numbers of a source, which becomes known.
func (t *taken) source(name string) *numbers {
	if of, ok := t.sources[name]; ok {
		return of
	}
	if t.sources == nil {
		t.sources = make(map[string]*numbers)
	}
	if len(t.sources) == sources {
		delete(t.sources, t.silent())
	}
	of := &numbers{done: roaring64.New(), left: make(map[uint64]indexes)}
	t.sources[name] = of
	return of
}

// silent returns the source that has been silent longest.
func (t *taken) silent() string {
	return slices.MinFunc(t.names(), func(a, b string) int { return t.sources[a].heard - t.sources[b].heard })
}

func (t *taken) names() []string { return slices.Sorted(maps.Keys(t.sources)) }

// A takenState is the state of a source.
type takenState struct {
	Source string             `json:"source"`
	Done   []byte             `json:"done"` // the numbers, as Roaring bitmaps are written down
	Left   map[uint64]indexes `json:"left,omitempty"`
}

// state returns all sources, that which has been silent longest first.
func (t *taken) state() ([]takenState, error) {
	names := t.names()
	slices.SortStableFunc(names, func(a, b string) int { return t.sources[a].heard - t.sources[b].heard })
	var out []takenState
	for _, name := range names {
		of := t.sources[name]
		of.done.RunOptimize()
		done, err := of.done.ToBytes()
		if err != nil {
			return nil, fmt.Errorf("numbers of %s: %w", name, err)
		}
		out = append(out, takenState{Source: name, Done: done, Left: of.left})
	}
	return out, nil
}

// restore adds a source.
func (t *taken) restore(s takenState) error {
	done := roaring64.New()
	if err := done.UnmarshalBinary(s.Done); err != nil {
		return fmt.Errorf("numbers of %s: %w", s.Source, err)
	}
	of := t.source(s.Source)
	t.clock++
	of.heard = t.clock
	of.done.Or(done)
	maps.Copy(of.left, s.Left)
	return nil
}
