package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A cut is everything, at one instant.
type cut struct {
	at        time.Time
	samples   *store.Cut // nil for a restore
	transfers []*transfer.Transfer
	claims    []*transfer.Claim
	collector [][]byte
	ingest    [][]byte
	stood     time.Duration // how long ingest stood still
}

// take takes everything while ingest stands still: states by value, transfers and
// claims by reference, since they do not change any more, samples by a cut that
// is read later, and must be closed.
func (p *Parts) take() (c cut, err error) {
	p.Pauser.Pause(func() {
		start := time.Now()
		defer func() { c.stood = time.Since(start) }()
		c.at = start
		c.samples = p.Store.Cut()
		c.transfers = p.Ledger.Transfers(ledger.Filter{})
		c.claims = p.Ledger.Claims(ledger.Filter{})
		var errCollector, errIngest error
		c.collector, errCollector = p.Collector.State()
		c.ingest, errIngest = p.Ingest.State()
		err = errors.Join(errCollector, errIngest)
	})
	return c, err
}

// Save writes a checkpoint of this instant and then removes those that are too
// many. If it fails, the checkpoints before it are all still there; it may be
// there itself if only its last step failed.
func (d *Dir) Save(ctx context.Context) (Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	start := time.Now()
	info, err := d.save(ctx)
	info.Took = time.Since(start)
	d.stats.saved(&info, err)
	if err != nil {
		return Info{}, fmt.Errorf("save checkpoint: %w", err)
	}
	d.prune(filepath.Base(info.Path))
	return info, nil
}

func (d *Dir) save(ctx context.Context) (info Info, err error) {
	if err := d.fsys.MkdirAll("checkpoint folder", d.cfg.Dir); err != nil {
		return Info{}, err
	}
	if err := d.list(); err != nil {
		return Info{}, err
	}
	c, err := d.parts.take()
	defer func() { c.samples.Close(err == nil) }()
	if err != nil {
		return Info{}, err
	}
	d.stats.stood.Store(int64(c.stood))
	d.last++ // also if this one fails: its name may be in use
	name := folderName(d.last, c.at)
	info = Info{Path: filepath.Join(d.cfg.Dir, name), Transfers: len(c.transfers), Claims: len(c.claims)}
	temp := info.Path + durable.TempSuffix
	info.Bytes, info.Blocks, err = d.fill(ctx, temp, &c)
	if err == nil {
		err = durable.Commit(d.fsys, "checkpoint commit", temp, info.Path)
	}
	if err != nil {
		err = errors.Join(err, d.fsys.RemoveAll("checkpoint clean", temp))
	}
	return info, err
}

// list makes sure that no sequence number is given twice.
func (d *Dir) list() error {
	if d.listed {
		return nil
	}
	folders, _, err := d.folders()
	if err != nil {
		return err
	}
	for _, f := range folders {
		d.last = max(d.last, f.sequence)
	}
	d.listed = true
	return nil
}

// fill writes all files into the folder temp and returns how large they are, and
// how many blocks of samples are in them.
func (d *Dir) fill(ctx context.Context, temp string, c *cut) (total int64, blocks int, err error) {
	if err := d.fsys.MkdirAll("checkpoint temp", temp); err != nil {
		return 0, 0, err
	}
	m := meta{Version: version, Sequence: d.last, Created: c.at.UTC()}
	for _, p := range d.parts.all(c, c.at) {
		f, err := d.write(ctx, temp, p)
		if err != nil {
			return 0, 0, err
		}
		m.Files = append(m.Files, f)
		total += f.Bytes
		if p.file == samplesFile {
			blocks = f.Records
		}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return 0, 0, err
	}
	b = append(b, '\n')
	err = durable.Write(d.fsys, "checkpoint "+metaFile, filepath.Join(temp, metaFile), func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	return total + int64(len(b)), blocks, err
}

// write writes one file.
func (d *Dir) write(ctx context.Context, temp string, p part) (metaOf, error) {
	of := metaOf{Name: p.file}
	err := durable.Write(d.fsys, "checkpoint "+p.file, filepath.Join(temp, p.file), func(w io.Writer) error {
		out, err := newWriter(&counted{w, &of.Bytes}, p.schema, p.batch)
		if err != nil {
			return err
		}
		for m := range p.save() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := out.add(m); err != nil {
				return err
			}
		}
		of.Records = out.n
		return out.flush()
	})
	return of, err
}

// counted counts the bytes that are written.
type counted struct {
	w io.Writer
	n *int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	*c.n += int64(n)
	return n, err
}
