package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"tallystick/internal/durable"
)

// A writer writes lines to a file. What it has is durable when it says so, and what it
// wrote before and was never acknowledged is cut off when it is opened again.
type writer struct {
	cfg  FileConfig
	fsys durable.FS
	out  durable.File // nil: to be opened
	size int64        // that was acknowledged; -1: all that is there
}

// Send implements Sender.
func (w *writer) Send(_ context.Context, ms []Message) (done int, err error) {
	if err := w.ready(); err != nil {
		return 0, failed(Disk, err)
	}
	var lines bytes.Buffer
	for _, m := range ms {
		lines.Write(m.Body)
		lines.WriteByte('\n')
	}
	_, err = w.out.Write(lines.Bytes())
	if err == nil {
		err = w.out.Sync()
	}
	if err != nil { // what is there of it is cut off, and written anew
		err = errors.Join(err, w.close())
		return 0, failed(Disk, fmt.Errorf("write records: %w", err))
	}
	w.size += int64(lines.Len())
	return len(ms), nil
}

// tail returns up to where the file has what was acknowledged.
func (w *writer) tail() (path string, size int64) { return w.cfg.Path, w.size }

// resume has the writer go on there. Of another file it leaves all that there is.
func (w *writer) resume(path string, size int64) {
	w.size = -1
	if path == w.cfg.Path {
		w.size = size
	}
}

// ready makes the file ready for the next lines.
func (w *writer) ready() error {
	if w.out == nil {
		if err := w.open(); err != nil {
			return fmt.Errorf("open file of records: %w", err)
		}
	}
	if w.cfg.MaxBytes == 0 || w.size < w.cfg.MaxBytes {
		return nil
	}
	// Before the lines are written, and not behind them: so the place need not know of it.
	if err := w.rotate(); err != nil {
		return fmt.Errorf("rename file of records: %w", err)
	}
	return w.open()
}

const label = "records"

// open opens the file, and cuts off what was not acknowledged. A file that has become
// shorter is another one.
func (w *writer) open() error {
	folder := filepath.Dir(w.cfg.Path)
	if err := w.fsys.MkdirAll(label, folder); err != nil {
		return err
	}
	out, size, err := w.fsys.Append(label, w.cfg.Path)
	if err != nil {
		return err
	}
	if w.size < 0 || w.size > size {
		w.size = size
	}
	err = w.fsys.SyncDir(label, folder)
	if err == nil && size > w.size {
		err = out.Truncate(w.size)
	}
	if err != nil {
		return errors.Join(err, out.Close())
	}
	w.out = out
	return nil
}

func (w *writer) close() error {
	if w.out == nil {
		return nil
	}
	err := w.out.Close()
	w.out = nil
	return err
}

// rotate gives the file the next name that is free.
func (w *writer) rotate() error {
	if err := w.close(); err != nil {
		return err
	}
	folder, name := filepath.Split(w.cfg.Path)
	entries, err := w.fsys.ReadDir(filepath.Clean(folder + "."))
	if err != nil {
		return err
	}
	last := 0
	for _, e := range entries {
		if n, ok := strings.CutPrefix(e.Name(), name+"."); ok {
			if n, err := strconv.Atoi(n); err == nil {
				last = max(last, n)
			}
		}
	}
	if err := durable.Move(w.fsys, label, w.cfg.Path, w.cfg.Path+"."+strconv.Itoa(last+1)); err != nil {
		return err
	}
	w.size = 0
	return nil
}
