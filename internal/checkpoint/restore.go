package checkpoint

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"tallystick/internal/durable"
)

// Restore puts back the newest checkpoint into parts that are empty. Files or
// pieces of files that cannot be read are made good from older checkpoints where
// those have them: samples, transfers and claims record by record, states only
// as a whole file and only if nothing of the newer one can be read.
//
// Info.Damaged and Info.Refused say whether anything is missing; it is in the
// log too, and in a file beside. An error means that the folder cannot be read
// at all, or that ctx ended.
func (d *Dir) Restore(ctx context.Context) (Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	start := time.Now()
	info, err := d.restore(ctx, start)
	info.Took = time.Since(start)
	if err != nil {
		return info, fmt.Errorf("restore checkpoint: %w", err)
	}
	d.stats.restored(&info)
	return info, nil
}

func (d *Dir) restore(ctx context.Context, now time.Time) (info Info, err error) {
	folders, left, err := d.folders()
	if err != nil {
		return info, err
	}
	d.clean(left)
	if len(folders) == 0 {
		return info, nil
	}
	info.Path = filepath.Join(d.cfg.Dir, folders[0].name)
	r := restoring{dir: d, info: &info, problems: make(map[string][]string)}
	for _, f := range folders {
		r.from = append(r.from, source{folder: f})
	}
	for _, p := range d.parts.all(&cut{}, now) {
		if err := r.part(ctx, p); err != nil {
			return info, err
		}
	}
	d.tell(r.problems)
	return info, nil
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

// tell logs the problems, by checkpoint, and writes them into the checkpoint, so
// that it is not deleted after another start either.
func (d *Dir) tell(problems map[string][]string) {
	for name, lines := range problems {
		d.problems[name] = true
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

// A restoring is one restore.
type restoring struct {
	dir      *Dir
	info     *Info
	from     []source            // newest first
	problems map[string][]string // by name of the checkpoint
}

// A source is a checkpoint, with what it says of itself once that was asked.
type source struct {
	folder
	asked bool
	meta  *meta // nil if it cannot be read
}

// part restores one part, from the newest checkpoint and as many older ones as
// it takes until one is whole.
func (r *restoring) part(ctx context.Context, p part) error {
	for i := range r.from {
		from := &r.from[i]
		r.ask(from)
		used, whole := r.file(ctx, from, p, i > 0)
		if err := ctx.Err(); err != nil {
			return err
		}
		if whole || p.key == nil && used > 0 {
			return nil
		}
	}
	return nil
}

// ask reads meta.json of a checkpoint when its turn comes.
func (r *restoring) ask(s *source) {
	if s.asked {
		return
	}
	s.asked = true
	var err error
	if s.meta, err = r.dir.readMeta(s.name); err != nil {
		r.problem(s.name, err)
		r.info.Damaged++
	}
}

// file restores one file. Of an older checkpoint it takes only what is not there
// yet. It returns how many records were used, and whether the file had all it
// should have.
func (r *restoring) file(ctx context.Context, from *source, p part, older bool) (used int, whole bool) {
	f, err := r.dir.fsys.Open(filepath.Join(r.dir.cfg.Dir, from.name, p.file))
	if err != nil {
		r.problem(from.name, err)
		r.info.Damaged++
		return 0, false
	}
	defer f.Close()
	var held map[string]bool
	if older && p.held != nil {
		held = p.held()
	}
	t := readAll(&stoppable{ctx, f}, p.record, func(m map[string]any) error {
		if held != nil && held[p.key(m)] {
			return nil
		}
		if err := p.use(m); err != nil {
			return err
		}
		used++
		return nil
	})
	if p.count != nil {
		*p.count(r.info) += used
	}
	t.expect(from.meta, p.file)
	r.note(from.name, p.file, &t)
	r.info.Bytes += t.bytes
	return used, t.whole() && from.meta != nil
}

// expect compares with what meta.json says of the file.
func (t *tally) expect(m *meta, file string) {
	if m == nil || !t.whole() {
		return
	}
	if of := m.of(file); of == nil || of.Records != t.records {
		t.damaged.add(fmt.Errorf("%d records, but not those that %s tells of", t.records, metaFile))
	}
}

// note keeps what was wrong with a file.
func (r *restoring) note(name, file string, t *tally) {
	r.info.Damaged += t.damaged.n
	r.info.Refused += t.refused.n
	for what, errs := range map[string]*tallied{"damaged": &t.damaged, "refused": &t.refused} {
		for _, err := range errs.first {
			r.problem(name, fmt.Errorf("%s: %s: %w", file, what, err))
		}
		if more := errs.n - len(errs.first); more > 0 {
			r.problem(name, fmt.Errorf("%s: %s: %d more", file, what, more))
		}
	}
}

func (r *restoring) problem(name string, err error) {
	r.problems[name] = append(r.problems[name], err.Error())
}

// stoppable reads until ctx ends.
type stoppable struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
