package forward

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"tallystick/internal/durable"
	"tallystick/internal/ledger"
)

// A place is up to where an output has sent, as its file has it.
type place struct {
	ledger.Place
	File string `json:"file,omitempty"` // of an output that is a file
	Size int64  `json:"size,omitempty"` // of it, what was acknowledged
}

// places are the files of places.
type places struct {
	fsys durable.FS
	dir  string
}

func (p places) path(name string) string { return filepath.Join(p.dir, name+".json") }

// load returns the place of an output; ok is false if it has none yet.
func (p places) load(name string) (at place, ok bool, err error) {
	f, err := p.fsys.Open(p.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return place{}, false, nil
	}
	if err != nil {
		return place{}, false, fmt.Errorf("place of output %s: %w", name, err)
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&at); err != nil {
		return place{}, false, fmt.Errorf("place of output %s: %s: %w (without that file it begins as a new output)", name, p.path(name), err)
	}
	return at, true, nil
}

// save makes the place of an output durable.
func (p places) save(name string, at place) error {
	if err := p.fsys.MkdirAll("places", p.dir); err != nil {
		return fmt.Errorf("place of output %s: %w", name, err)
	}
	err := durable.WriteFile(p.fsys, "place", p.path(name), func(w io.Writer) error { return json.NewEncoder(w).Encode(at) })
	if err != nil {
		return fmt.Errorf("place of output %s: %w", name, err)
	}
	return nil
}

// after returns the place after all of a number.
func after(sequence int64) ledger.Place { return ledger.Place{Sequence: sequence + 1} }
