package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/metric"
	"tallystick/internal/store"
)

// Restore puts back, into parts that are empty, what must be there before anything new
// comes: transfers, claims, states, and samples that add up. Fill does the rest. Of what
// is in several checkpoints the newest is used, and where that cannot be read the next
// older; states only as a whole file and only if nothing of the newer one can be read.
//
// Info.Damaged and Info.Refused say whether anything is missing; it is in the
// log too, and in a file beside. An error means that the folder cannot be read
// at all, or that ctx ended.
func (d *Dir) Restore(ctx context.Context) (Info, error) {
	d.saving.Lock()
	defer d.saving.Unlock()
	start := time.Now()
	info, err := d.restore(ctx)
	info.Took = time.Since(start)
	if err != nil {
		return info, fmt.Errorf("restore checkpoint: %w", err)
	}
	d.stats.restored(&info)
	return info, nil
}

func (d *Dir) restore(ctx context.Context) (info Info, err error) {
	_, left, err := d.folders()
	if err != nil {
		return info, err
	}
	d.clean(left)
	r, err := d.restoring()
	if err != nil {
		return info, err
	}
	if len(r.from) == 0 {
		r.view.Close()
		return info, nil
	}
	newest := &r.from[0]
	r.info.Path, r.info.Log, r.info.Created = filepath.Join(d.cfg.Dir, newest.name), newest.meta.Log, newest.created()
	steps := []func(context.Context) error{r.transfers, r.claims, r.counts, r.ingest, r.collector, r.legacy}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return r.info, err
		}
	}
	r.tell()
	d.rest = r
	d.since.Store(r.complete(0))
	return r.info, nil
}

// Fill puts back the samples that Restore left, newest first, while ingest goes on. Until
// it has returned no checkpoint is removed. It stops where the store has no room: what is left is on the disk.
func (d *Dir) Fill(ctx context.Context) (Info, error) {
	r := d.rest
	if r == nil {
		return Info{}, nil
	}
	start := time.Now()
	r.info = Info{Path: r.info.Path}
	err := r.samples(ctx)
	r.info.Took = time.Since(start)
	if err != nil {
		return r.info, fmt.Errorf("restore samples: %w", err)
	}
	r.tell()
	r.view.Close()
	d.rest = nil
	d.stats.restored(&r.info)
	d.since.Store(Everything)
	return r.info, nil
}

// clean removes what was left incomplete.
func (d *Dir) clean(left []string) {
	for _, name := range left {
		if err := d.fsys.RemoveAll("checkpoint clean", filepath.Join(d.cfg.Dir, name)); err != nil {
			d.log.Warn("incomplete checkpoint not removed", "checkpoint", name, "err", err)
			continue
		}
		d.log.Info("incomplete checkpoint removed", "checkpoint", name)
	}
}

// A restoring is one restore.
type restoring struct {
	dir      *Dir
	view     *View    // so that nothing is removed meanwhile
	from     []folder // newest first
	info     Info
	problems map[string][]string // by name of the checkpoint
	told     map[string]bool     // reasons for which blocks were left on the disk
	floor    floor               // of the counts that there is room for
}

func (d *Dir) restoring() (*restoring, error) {
	v, err := d.View(nil)
	if err != nil {
		return nil, err
	}
	r := &restoring{dir: d, view: v, from: v.from, problems: make(map[string][]string), told: make(map[string]bool)}
	r.floor.Store(math.MinInt64)
	for i := range r.from {
		f := &r.from[i]
		if f.err != nil {
			r.damaged(f, metaFile, f.err)
		}
		d.legacy = d.legacy || f.legacy()
	}
	if d.legacy { // each had all of everything: an older one has what cannot be read
		d.mu.Lock()
		defer d.mu.Unlock()
		_, covered, err := d.valid()
		r.from = append(r.from, covered...)
		return r, err
	}
	return r, nil
}

// damaged notes what cannot be read.
func (r *restoring) damaged(f *folder, file string, err error) {
	r.info.Damaged++
	r.problem(f, file, "damaged", err)
}

// refused notes what can be read and not used, of a record that nobody else has.
func (r *restoring) refused(f *folder, file string, err error) {
	r.info.Refused++
	r.problem(f, file, "refused", err)
}

// maxProblems is how many problems of a checkpoint are written down; all are counted.
const maxProblems = 30

func (r *restoring) problem(f *folder, file, what string, err error) {
	list := append(r.problems[f.name], fmt.Sprintf("%s: %s: %v", file, what, err))
	if len(list) > maxProblems {
		list = append(list[:maxProblems], "and more")
	}
	r.problems[f.name] = list
}

// tell logs the problems, by checkpoint, and writes them into the checkpoint, so
// that it is not deleted after another start either.
func (r *restoring) tell() {
	d := r.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, lines := range r.problems {
		d.problems[name], d.mend = true, true
		for _, line := range lines {
			d.log.Error("checkpoint is not whole", "checkpoint", name, "problem", line)
		}
		path := filepath.Join(d.cfg.Dir, name, problemsFile)
		err := durable.WriteFile(d.fsys, "checkpoint problems", path, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
			return err
		})
		if err != nil {
			d.log.Error("problems not written down", "path", path, "err", err)
		}
	}
}

// Damaged notes what could not be read of a checkpoint once it is in use, by a View: it
// goes to quarantine when it has an heir.
func (d *Dir) Damaged(name, file string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problems[name] = true
	d.stats.damaged.Add(1)
	d.log.Error("checkpoint is not whole", "checkpoint", name, "file", file, "problem", err)
}

// each calls do with the files of a kind, newest first, until ctx ends.
func (r *restoring) each(ctx context.Context, kind Kind, do func(f *folder, of *metaOf, freed frees)) error {
	var newer frees
	for i := range r.from {
		f := &r.from[i]
		for j := range f.meta.Files {
			if err := ctx.Err(); err != nil {
				return err
			}
			if of := &f.meta.Files[j]; of.Kind == kind {
				do(f, of, newer)
			}
		}
		newer = newer.and(f.meta.Freed)
	}
	return ctx.Err()
}

// tells returns what is told what of a file cannot be read.
func (r *restoring) tells(f *folder, of *metaOf) func(error) {
	return func(err error) { r.damaged(f, of.Name, err) }
}

func (r *restoring) transfers(ctx context.Context) error {
	return r.each(ctx, Transfers, func(f *folder, of *metaOf, _ frees) {
		for t := range stoppable(ctx, r.dir.readTransfers(f, of, r.tells(f, of))) {
			r.dir.parts.Ledger.FillTransfer(t)
			r.info.Transfers++
		}
	})
}

func (r *restoring) claims(ctx context.Context) error {
	return r.each(ctx, Claims, func(f *folder, of *metaOf, _ frees) {
		for c := range stoppable(ctx, r.dir.readClaims(f, of, r.tells(f, of))) {
			r.dir.parts.Ledger.FillClaim(c)
			r.info.Claims++
		}
	})
}

// counts puts back the samples that add up. Of checkpoints before version 3 it is all
// samples.
func (r *restoring) counts(ctx context.Context) error {
	err := r.each(ctx, Counts, func(f *folder, of *metaOf, freed frees) { r.fill(ctx, f, of, freed) })
	if err != nil || !r.dir.legacy {
		return err
	}
	return r.each(ctx, Samples, func(f *folder, of *metaOf, freed frees) {
		if f.legacy() {
			r.fill(ctx, f, of, freed)
		}
	})
}

// samples puts back the others, newest first, and tells how far it has come.
func (r *restoring) samples(ctx context.Context) error {
	d := r.dir
	var newer frees
	for i := range r.from {
		f := &r.from[i]
		for j := range f.meta.Files {
			of := &f.meta.Files[j]
			if of.Kind != Samples || f.legacy() {
				continue
			}
			if d.parts.Room != nil && !d.parts.Room() {
				d.log.Warn("memory is short: older samples stay on the disk", "from_checkpoint", f.name)
				return nil
			}
			r.fill(ctx, f, of, newer)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		newer = newer.and(f.meta.Freed)
		d.since.Store(r.complete(i + 1))
	}
	return nil
}

// complete returns since when all samples are there once the first n checkpoints are:
// what is in the others came before the last of them was made, by the clock of then.
func (r *restoring) complete(n int) int64 {
	since := int64(Everything)
	for i := range r.from[n:] {
		since = max(since, r.from[n+i].created().Unix()+1)
	}
	return since
}

// fill puts the blocks of a file into the store, by several at once.
func (r *restoring) fill(ctx context.Context, f *folder, of *metaOf, freed frees) {
	d := r.dir
	use := func(b *store.BlockAt) error {
		if freed.has(b) || d.parts.Old != nil && d.parts.Old(b.Path.Cluster, b.Metric, end(b)) {
			return nil
		}
		return d.frees.unless(b, func() error {
			if of.Kind == Counts || r.adds(b) {
				return r.count(b)
			}
			return d.parts.Store.Fill(b)
		})
	}
	n, refused := d.eachBlock(ctx, f, of, use, r.tells(f, of))
	r.info.Blocks += n
	for _, err := range refused {
		r.left(f, of, err)
	}
}

// left notes that blocks were not used. Those of a metric that is not configured, or
// with another step, and those for which there is no room stay on the disk, and come
// back when that has changed.
func (r *restoring) left(f *folder, of *metaOf, err error) {
	if !errors.Is(err, store.ErrMismatch) && !errors.Is(err, store.ErrFull) && !errors.Is(err, metric.ErrMany) {
		r.refused(f, of.Name, err)
		return
	}
	r.info.Refused++
	if text := err.Error(); !r.told[text] && len(r.told) < maxProblems {
		r.told[text] = true
		r.dir.log.Warn("samples were not restored, and stay on the disk", "checkpoint", f.name, "file", of.Name, "err", err)
	}
}

func (r *restoring) ingest(ctx context.Context) error {
	return r.state(ctx, Ingest, r.dir.parts.Ingest)
}

func (r *restoring) collector(ctx context.Context) error {
	return r.state(ctx, Collector, r.dir.parts.Collector)
}

// state gives a part its state back: all that can be read of the newest file of which
// anything can. Pieces of two times are not mixed.
func (r *restoring) state(ctx context.Context, kind Kind, owner Stateful) error {
	done := false
	return r.each(ctx, kind, func(f *folder, of *metaOf, _ frees) {
		if done {
			return
		}
		damaged := false
		tell := func(err error) {
			damaged = true
			r.damaged(f, of.Name, err)
		}
		for entry := range stoppable(ctx, r.dir.readState(f, of, tell)) {
			done = true
			if err := owner.Restore(r.info.Created, bytes.Clone(entry)); err != nil {
				r.refused(f, of.Name, err)
			}
		}
		done = done || !damaged
	})
}

// legacy has everything saved again, if it was read from checkpoints before version 3:
// the next one takes the place of them all.
func (r *restoring) legacy(context.Context) error {
	if r.dir.legacy {
		r.dir.parts.Store.Unsaved()
		r.dir.parts.Ledger.Unsaved()
	}
	return nil
}
