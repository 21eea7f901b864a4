package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ocf"
)

// A Worker archives what is final, and removes what is too old or too much.
type Worker struct {
	Config Config
	Target Target
	FS     durable.FS // of Config.Temp

	// Source returns what can be archived. It is closed after each step.
	Source func() (Source, error)
	// Saved returns the time up to which all that was accepted is in the Source; nil: it
	// always is. The zero time means that it is not known yet.
	Saved func() time.Time
	// Late returns how long after it happened something of a kind is still accepted.
	Late func(kind Kind) time.Duration
	// Unit returns the unit of a metric; nil: no unit is written.
	Unit func(metric string) string
	// Now tells the time of Run, which is that of the wall; nil: time.Now.
	Now func() time.Time
	Log *slog.Logger

	stats stats

	days map[Day]*Manifest // at the target; nil: not known yet. Of Step alone

	mu    sync.Mutex
	floor map[Kind]Day // all days before are archived, or have nothing of the kind and are final
}

// Archived reports whether all of a kind that was before the Unix second is archived, so
// that the checkpoints need not have it. It is false until the first step has looked.
func (w *Worker) Archived(kind Kind, before int64) bool {
	if kind == checkpoint.Counts {
		kind = checkpoint.Samples
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	floor, ok := w.floor[kind]
	return ok && before <= floor.From()
}

func (w *Worker) reached(kind Kind, day Day) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.floor == nil {
		w.floor = make(map[Kind]Day)
	}
	w.floor[kind] = day
}

// Run makes a step now and every Config.Every until ctx ends. A clock that is set ahead is
// believed an hour later.
func (w *Worker) Run(ctx context.Context) error {
	t := time.NewTicker(w.Config.Every)
	defer t.Stop()
	wall := w.Now
	if wall == nil {
		wall = time.Now
	}
	began, c := time.Now(), clock{began: wall().Round(0)}
	for {
		now, jump := c.at(time.Since(began), wall().Round(0))
		if jump > slack {
			w.Log.Warn("the clock was set ahead: it is not believed yet, so that no day is archived too early", "by", jump)
		}
		if err := w.Step(ctx, now); err != nil && ctx.Err() == nil {
			w.Log.Error("archiving failed", "err", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Step archives what is final at now, and then removes days by the rules. What fails does
// not keep it from the rest, and is tried again at the next step.
func (w *Worker) Step(ctx context.Context, now time.Time) error {
	err := w.step(ctx, now)
	if err == nil {
		w.stats.last.Store(now.UnixNano())
	} else if ctx.Err() == nil {
		w.stats.failures.Add(1)
	}
	return err
}

func (w *Worker) step(ctx context.Context, now time.Time) error {
	if err := w.look(ctx); err != nil {
		return err
	}
	saved := now
	if w.Saved != nil {
		if at := w.Saved(); at.Before(now) {
			saved = at
		}
	}
	errs := []error{w.archive(ctx, now, saved)}
	removed, err := w.Config.prune(ctx, w.Target, now)
	for _, day := range removed {
		delete(w.days, day)
		w.stats.pruned.Add(1)
		w.Log.Info("day removed from the archive", "day", day.String())
	}
	return errors.Join(append(errs, err)...)
}

// look reads the manifests, once.
func (w *Worker) look(ctx context.Context) error {
	if w.days != nil {
		return nil
	}
	days := make(map[Day]*Manifest)
	listed, err := list(ctx, w.Target)
	if err != nil {
		return err
	}
	for _, d := range listed {
		m, err := readManifest(ctx, w.Target, d.Day)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it does not count, and is archived anew
		case errors.Is(err, errManifest):
			w.Log.Error("a manifest is made anew of the files of its day", "err", err)
			if days[d.Day], _, err = remake(ctx, w.Target, d); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			days[d.Day] = m
		}
	}
	w.days = days
	return nil
}

// archive archives what is final, kind by kind.
func (w *Worker) archive(ctx context.Context, now, saved time.Time) error {
	m := &maker{w.Target, w.FS, w.Config.TempDir(), w.Config.Codec}
	if err := m.begin(); err != nil {
		return err
	}
	src, err := w.Source()
	if err != nil {
		return err
	}
	defer src.Close()
	var errs []error
	for _, kind := range Kinds() {
		final := DayOf(saved.Add(-w.Config.After - w.Late(kind)).Unix())
		errs = append(errs, w.kind(ctx, m, src, kind, w.first(src, kind, now, final), final))
	}
	return errors.Join(errs...)
}

// first returns the first day that may have to be archived.
func (w *Worker) first(src Source, kind Kind, now time.Time, final Day) Day {
	sec, ok := src.Oldest(kind)
	if !ok {
		return final
	}
	day := DayOf(sec)
	w.mu.Lock()
	defer w.mu.Unlock()
	if floor, ok := w.floor[kind]; ok {
		day = max(day, floor)
	}
	if w.Config.Keep > 0 { // else it would be removed at once
		day = max(day, DayOf(now.Add(-w.Config.Keep).Unix()))
	}
	return day
}

// manyDays is how many days are simply archived; of more of them, those that have
// something are looked for first.
const manyDays = 7

// kind archives the days [from, final) of a kind.
func (w *Worker) kind(ctx context.Context, m *maker, src Source, kind Kind, from, final Day) error {
	var todo []Day
	switch {
	case final-from > manyDays:
		busy, err := w.busy(ctx, src, kind, from, final)
		if err != nil {
			return fmt.Errorf("archive %s: %w", kind, err)
		}
		todo = busy
	default:
		for d := from; d < final; d++ {
			todo = append(todo, d)
		}
	}
	for _, d := range todo {
		if w.days[d].Has(kind) {
			continue
		}
		if err := w.day(ctx, m, src, kind, d); err != nil {
			w.reached(kind, d)
			return fmt.Errorf("archive %s of %v: %w", kind, d, err)
		}
	}
	w.reached(kind, final)
	return nil
}

// busy returns the days in [from, final) that have something of the kind.
func (w *Worker) busy(ctx context.Context, src Source, kind Kind, from, final Day) ([]Day, error) {
	days := make(map[Day]bool)
	for _, cluster := range clusters(src, kind) {
		for it, err := range w.items(ctx, src, kind, cluster, from.From(), final.From()) {
			if err != nil {
				return nil, err
			}
			for d := DayOf(it.from); d <= DayOf(it.to-1); d++ {
				days[d] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(days)), nil
}

// clusters returns of which clusters there are files of the kind: "" if that is not a
// question.
func clusters(src Source, kind Kind) []string {
	if kind == checkpoint.Samples {
		return src.Clusters()
	}
	return []string{""}
}

// items yields what there is of a kind in [from, to), each good until the next one.
func (w *Worker) items(ctx context.Context, src Source, kind Kind, cluster string, from, to int64) iter.Seq2[item, error] {
	switch kind {
	case checkpoint.Samples:
		unit := w.Unit
		if unit == nil {
			unit = func(string) string { return "" }
		}
		return mapped(joined(src.Blocks(ctx, cluster, from, to), unit, from, to), seriesItem)
	case checkpoint.Transfers:
		return mapped(src.Transfers(ctx, from, to), transferItem)
	case checkpoint.Claims:
		return mapped(src.Claims(ctx, from, to), claimItem)
	}
	return mapped(src.Packets(ctx, from, to), packetItem)
}

// mapped yields what to makes of the values.
func mapped[T, U any](seq iter.Seq2[T, error], to func(T) U) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		for v, err := range seq {
			var u U
			if err == nil {
				u = to(v)
			}
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// day archives one day of a kind: first the files, and then the manifest that names them.
func (w *Worker) day(ctx context.Context, m *maker, src Source, kind Kind, day Day) error {
	began := time.Now()
	var files []File
	for _, cluster := range clusters(src, kind) {
		more, err := w.files(ctx, m, src, kind, cluster, day)
		if err != nil {
			return err
		}
		files = append(files, more...)
	}
	now, err := w.now(ctx, day)
	if err != nil {
		return err
	}
	manifest := now.with(day, kind, made(files, time.Now()))
	if err := manifest.write(ctx, w.Target); err != nil {
		return err
	}
	w.days[day] = manifest
	w.stats.archived(files)
	if len(files) > 0 {
		w.Log.Info("archived", "kind", string(kind), "day", day.String(), "files", len(files), "took", time.Since(began))
	}
	return nil
}

// now returns the manifest of a day as it is at the target, where a repair may have made
// another one since the worker looked; nil if there is none.
func (w *Worker) now(ctx context.Context, day Day) (*Manifest, error) {
	m, err := readManifest(ctx, w.Target, day)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // a nil manifest has nothing
	case errors.Is(err, errManifest):
		return w.days[day], nil
	}
	return m, err
}

// files makes those of one cluster and day of a kind, and brings them to the target.
func (w *Worker) files(ctx context.Context, m *maker, src Source, kind Kind, cluster string, day Day) ([]File, error) {
	name := string(kind)
	if kind == checkpoint.Samples {
		name = samplesName(cluster)
	}
	add, err := appender(kind)
	if err != nil {
		return nil, err
	}
	var it item
	r := record{append: func(to []byte) ([]byte, error) { return add(to, it.value) }}
	records := mapped(w.items(ctx, src, kind, cluster, day.From(), day.To()), func(next item) record {
		it, r.item = next, next
		return r
	})
	f, err := m.avro(ctx, name+avroSuffix, schemaOf(kind), records)
	if f == nil || err != nil {
		return nil, err
	}
	files := []File{*f}
	err = m.put(ctx, day, f)
	if err == nil && kind == checkpoint.Samples && w.Config.Parquet {
		var rows *File
		if rows, err = m.parquet(f, name+parquetSuffix); err == nil {
			files = append(files, *rows)
			err = errors.Join(m.put(ctx, day, rows), m.clear(rows))
		}
	}
	return files, errors.Join(err, m.clear(f))
}

// parquet makes a file of the rows of one that is still where it was made.
func (m *maker) parquet(of *File, name string) (*File, error) {
	in, err := m.fsys.Open(m.path(of.Name))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f := *of
	f.Name, f.Codec = name, ocf.Zstandard
	err = m.write(&f, func(w io.Writer) (err error) {
		f.Records, err = writeParquet(w, seriesOf(in))
		return err
	})
	return &f, err
}

// seriesOf yields the series of a file of ours: any damage is an error.
func seriesOf(in io.Reader) iter.Seq2[*Series, error] {
	return func(yield func(*Series, error) bool) {
		var wrong error
		tell := func(err error) { wrong = errors.Join(wrong, err) }
		for it := range items(ocf.NewReader(in, tell), checkpoint.Samples, tell) {
			if s, ok := it.value.(*Series); ok && !yield(s, nil) {
				return
			}
		}
		if wrong != nil {
			yield(nil, wrong)
		}
	}
}
