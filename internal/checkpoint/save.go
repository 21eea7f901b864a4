package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A cut is what has changed, at one instant.
type cut struct {
	at        time.Time
	log       int // segment that the log goes on with
	samples   *store.Cut
	records   ledger.Changes
	freed     frees
	collector [][]byte
	ingest    [][]byte
	stood     time.Duration // how long ingest stood still
}

// take takes everything between two records of the log: states by value, what is in
// the ledger by reference, since it does not change any more, samples by a cut that is
// read later. end must be called.
func (d *Dir) take() (c cut, err error) {
	p := &d.parts
	p.Pauser.Pause(func() {
		start := time.Now()
		defer func() { c.stood = time.Since(start) }()
		c.at = start
		var errLog error
		c.log, errLog = p.Pauser.Cut()
		c.samples = p.Store.Cut()
		c.records = p.Ledger.Cut()
		c.freed = d.frees.take()
		var errCollector, errIngest error
		c.collector, errCollector = p.Collector.State()
		c.ingest, errIngest = p.Ingest.State()
		err = errors.Join(errLog, errCollector, errIngest)
	})
	return c, err
}

// end says whether c was saved. If not, it is a part of the next one.
func (d *Dir) end(c *cut, saved bool) {
	c.samples.Close(saved)
	d.frees.saved(saved)
	if !saved {
		d.parts.Ledger.Uncut(c.records)
	}
}

// Save writes a checkpoint of what has changed, lets the log forget what is in it, and
// makes one of the newest checkpoints if that is due. If it fails, the checkpoints
// before it are all still there; it may be there itself if only its last step failed.
func (d *Dir) Save(ctx context.Context) (Info, error) {
	d.saving.Lock()
	defer d.saving.Unlock()
	start := time.Now()
	info, err := d.save(ctx)
	info.Took = time.Since(start)
	d.stats.saved(&info, err)
	if err != nil {
		return Info{}, fmt.Errorf("save checkpoint: %w", err)
	}
	if d.parts.Forget != nil {
		if err := d.parts.Forget(info.Log); err != nil {
			d.log.Error("what a checkpoint has is still in the log", "err", err)
		}
	}
	if err := d.merge(ctx); err != nil && ctx.Err() == nil {
		d.stats.unmerged.Add(1)
		d.log.Error("checkpoints not merged", "err", err)
	}
	d.prune()
	return info, nil
}

func (d *Dir) save(ctx context.Context) (info Info, err error) {
	if err := d.fsys.MkdirAll("checkpoint folder", d.cfg.Dir); err != nil {
		return Info{}, err
	}
	if err := d.list(); err != nil {
		return Info{}, err
	}
	logged, err := d.logged()
	if err != nil {
		return Info{}, err
	}
	c, err := d.take()
	defer func() { d.end(&c, err == nil) }()
	if err != nil {
		return Info{}, err
	}
	d.stats.stood.Store(int64(c.stood))
	m := meta{Version: version, Created: c.at.UTC(), Log: c.log, Freed: c.freed}
	m.Sequence = d.next()
	m.First = m.Sequence
	if d.legacy {
		m.First = 0 // all that was read from there is in c
	}
	info, err = d.write(ctx, m, d.increment(&c, logged))
	if err != nil {
		return info, err
	}
	d.legacy = false
	return info, nil
}

// logged returns the segment that the log goes on with after the newest checkpoint,
// which may be one whose save failed at its last step.
func (d *Dir) logged() (int, error) {
	valid, _, err := d.valid()
	if err != nil || len(valid) == 0 {
		return 0, err
	}
	return valid[0].meta.Log, nil
}

// next returns a sequence number that is not in use, and was not tried.
func (d *Dir) next() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	return d.last
}

// list makes sure that no sequence number is given twice.
func (d *Dir) list() error {
	d.mu.Lock()
	defer d.mu.Unlock()
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

// increment returns the files of a cut.
func (d *Dir) increment(c *cut, logged int) (files []file) {
	for _, cluster := range d.parts.Store.Clusters() {
		files = append(files,
			blockFile(Samples, cluster, c.samples.Blocks(store.Part{Cluster: cluster})),
			blockFile(Counts, cluster, c.samples.Blocks(store.Part{Cluster: cluster, Sums: true})))
	}
	transfers := slices.SortedFunc(maps.Values(c.records.Transfers), orderTransfers)
	claims := slices.SortedFunc(maps.Values(c.records.Claims), orderClaims)
	return append(files,
		transferFile(slices.Values(transfers)), claimFile(slices.Values(claims)), d.newPackets(logged, c.log),
		stateFile(Ingest, slices.Values(c.ingest)), stateFile(Collector, slices.Values(c.collector)))
}

// newPackets is the file of the packets in the log since the last checkpoint. Where the
// log gives an error there is none: nobody else has them, and the log would forget them.
func (d *Dir) newPackets(from, to int) file {
	var missed error
	packets := func(yield func(Packet) bool) {
		if d.parts.Packets == nil {
			return
		}
		for p, err := range d.parts.Packets(from, to) {
			if missed = err; err != nil || !yield(p) {
				return
			}
		}
	}
	return whole(packetFile(packets), func() error { return missed })
}

// write writes a checkpoint.
func (d *Dir) write(ctx context.Context, m meta, files []file) (info Info, err error) {
	name := folderName(m.Sequence, m.Created)
	info = Info{Path: filepath.Join(d.cfg.Dir, name), Log: m.Log, Created: m.Created}
	temp := info.Path + durable.TempSuffix
	if err = d.fill(ctx, temp, &m, files, &info); err == nil {
		err = durable.Commit(d.fsys, "checkpoint commit", temp, info.Path)
	}
	if err != nil {
		err = errors.Join(err, d.fsys.RemoveAll("checkpoint clean", temp))
	}
	return info, err
}

// fill writes all files into the folder temp.
func (d *Dir) fill(ctx context.Context, temp string, m *meta, files []file, info *Info) error {
	if err := d.fsys.MkdirAll("checkpoint temp", temp); err != nil {
		return err
	}
	for _, f := range files {
		name := fileOf(f.kind, f.cluster, func(name string) bool { return m.of(name) != nil })
		of, err := d.writeFile(ctx, temp, name, f)
		if err != nil {
			return err
		}
		if of != nil {
			m.Files = append(m.Files, *of)
			info.count(of)
		}
	}
	return d.writeMeta(filepath.Join(temp, metaFile), m, info)
}

// count adds a file to the numbers of i.
func (i *Info) count(of *metaOf) {
	i.Bytes += of.Bytes
	switch of.Kind {
	case Samples, Counts:
		i.Blocks += of.Records
	case Transfers:
		i.Transfers += of.Records
	case Claims:
		i.Claims += of.Records
	case Packets:
		i.Packets += of.Records
	case Collector, Ingest:
	}
}

func (d *Dir) writeMeta(path string, m *meta, info *Info) error {
	var err error
	if m.Checksum, err = m.sum(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	info.Bytes += int64(len(b))
	return durable.Write(d.fsys, "checkpoint "+metaFile, path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// merge makes one checkpoint of the newest ones, if they are together as large as the
// one before them, and of that: so each block is written again when as much has come
// as was there, and there are no more checkpoints than the logarithm of what there
// is. All become one where a start could not read something. What cannot be opened now is
// read another time, and nothing takes its place before.
func (d *Dir) merge(ctx context.Context) error {
	v, err := d.View(d.Damaged)
	if err != nil {
		return err
	}
	defer v.Close()
	n, mend := due(v.from), d.mending()
	if mend { // a start went without what cannot be read
		n, v.forgo, v.missed = len(v.from), true, nil
	}
	if n < 2 && !mend {
		return nil
	}
	all := n == len(v.from)
	v.from = v.from[:n]
	newest, oldest := v.from[0].meta, v.from[n-1].meta
	m := meta{Version: version, Sequence: d.next(), First: oldest.First, Created: newest.Created, Log: newest.Log}
	if !all {
		for i := range v.from {
			m.Freed = m.Freed.and(v.from[i].meta.Freed)
		}
	}
	_, err = d.write(ctx, m, d.heir(v))
	if err == nil && mend {
		d.mended()
	}
	return err
}

func (d *Dir) mending() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mend
}

func (d *Dir) mended() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mend = false
}

// due returns how many of the newest checkpoints become one.
func due(from []folder) int {
	n, newer := 1, int64(0)
	for i := range from {
		if i > 0 && from[i].bytes() <= newer {
			n = i + 1
		}
		newer += from[i].bytes()
	}
	return n
}

// heir returns the files of the checkpoints of v made one.
func (d *Dir) heir(v *View) (files []file) {
	for _, cluster := range v.Clusters() {
		for _, kind := range []Kind{Samples, Counts} {
			kept := keep(v.blocks(kind, cluster, -all, all), func(b *store.BlockAt) bool {
				return !d.gone(Samples, cluster, b.Metric, end(b))
			})
			files = append(files, blockFile(kind, cluster, kept))
		}
	}
	transfers := keep(v.transfers(), func(t *transfer.Transfer) bool { return !d.gone(Transfers, "", "", t.Time()) })
	claims := keep(v.claims(), func(c *transfer.Claim) bool { return !d.gone(Claims, "", "", c.Time()) })
	packets := keep(v.packets(-all, all), func(p Packet) bool { return !d.gone(Packets, "", "", p.At.Unix()) })
	files = append(files, transferFile(transfers), claimFile(claims), packetFile(packets),
		stateFile(Ingest, v.state(Ingest)), stateFile(Collector, v.state(Collector)))
	for i := range files {
		files[i] = whole(files[i], func() error { return v.missed })
	}
	return files
}

func (d *Dir) gone(kind Kind, cluster, metric string, end int64) bool {
	return d.parts.Gone != nil && d.parts.Gone(kind, cluster, metric, end)
}

func keep[T any](seq iter.Seq[T], want func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range seq {
			if want(v) && !yield(v) {
				return
			}
		}
	}
}

// state yields the entries of the newest checkpoint that has any.
func (v *View) state(kind Kind) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		some := false
		v.files(kind, "", -all, all, func(f *folder, of *metaOf, _ frees) {
			if some {
				return
			}
			for entry := range v.dir.readState(f, of, v.tell(f, of)) {
				some = true
				if !yield(entry) {
					return
				}
			}
			some = some || of.Records == 0
		})
	}
}
