package shovel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

	mu   sync.Mutex
	at   place
	kept place
}

// loadPlace reads a place; one that nobody has kept is at the beginning. So is one that
// cannot be read: what it has sent is sent again.
func loadPlace(path string) (*placeFile, error) {
	p := &placeFile{path: path}
	if err := (durable.OS{}).MkdirAll("place", filepath.Dir(path)); err != nil {
		return nil, err
	}
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

func (p *placeFile) move(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
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
