package shovel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"tallystick/internal/durable"
)

// A place is how far an output is.
type place struct {
	Pack   uint64 `json:"pack"`   // the last that was sent
	Life   string `json:"life"`   // of the last datagram that was sent
	Number uint64 `json:"number"` // of it
}

// A placeFile keeps a place.
type placeFile struct {
	path string

	mu     sync.Mutex
	at     place
	kept   place
	engine *engine // whose packs are meant
}

// loadPlace reads a place; one that nobody has kept is at the beginning. So is one that
// cannot be read: what it has sent is sent again.
func loadPlace(path string) (*placeFile, error) {
	p := &placeFile{path: path}
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return nil, fmt.Errorf("read how far an output is: %w", err)
	}
	if err := json.Unmarshal(raw, &p.at); err != nil {
		p.at = place{}
	}
	p.kept = p.at
	return p, nil
}

func (p *placeFile) where() place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// move moves to a place among the packs of an engine. If there is another one by now, that has
// numbered packs of its own, it only notes which datagram was sent.
func (p *placeFile) move(e *engine, at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e != p.engine {
		at.Pack = p.at.Pack
	}
	p.at = at
}

// begin goes on among the packs of another engine, which has found so many on the disk: those
// behind them are gone, and their numbers are given out again.
func (p *placeFile) begin(e *engine, last uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engine, p.at.Pack = e, min(p.at.Pack, last)
}

// keep makes the place durable.
func (p *placeFile) keep() error {
	p.mu.Lock()
	at := p.at
	p.mu.Unlock()
	if at == p.kept {
		return nil
	}
	err := durable.WriteFile(durable.OS{}, "place", p.path, func(w io.Writer) error { return json.NewEncoder(w).Encode(at) })
	if err == nil {
		p.kept = at
	}
	return err
}
