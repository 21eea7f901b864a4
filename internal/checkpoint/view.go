package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"tallystick/internal/metric"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A View is what all checkpoints on the disk have together, also what memory has no
// room for. It is of the moment when it was made; what it is of stays until Close.
type View struct {
	dir     *Dir
	from    []folder // newest first
	damaged func(folder, file string, err error)
	isOpen  bool
	forgo   bool  // what cannot be opened is damaged too
	missed  error // what could not be opened, if it is not
}

// View returns one. What cannot be read is told to damaged, and left out. Where a file is
// there and cannot be opened, as if too many are open, that is an error behind the rest.
func (d *Dir) View(damaged func(folder, file string, err error)) (*View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, _, err := d.valid()
	if err != nil {
		return nil, err
	}
	d.views++
	v := &View{dir: d, from: from, damaged: damaged, isOpen: true}
	for i := range from {
		v.miss(&from[i], metaFile, from[i].err)
	}
	return v, nil
}

// Close ends the View.
func (v *View) Close() {
	v.dir.mu.Lock()
	defer v.dir.mu.Unlock()
	if v.isOpen {
		v.dir.views--
		v.isOpen = false
	}
}

// Log returns the segment that the log goes on with after the newest checkpoint.
func (v *View) Log() int {
	if len(v.from) == 0 {
		return 0
	}
	return v.from[0].meta.Log
}

// all is a range of times that has everything.
const all = math.MaxInt64

// files calls do with the files of a kind that have something in [from, to), newest
// first.
func (v *View) files(kind Kind, cluster string, from, to int64, do func(f *folder, of *metaOf, hidden frees)) {
	var newer frees
	for i := range v.from {
		f := &v.from[i]
		for j := range f.meta.Files {
			of := &f.meta.Files[j]
			if of.Kind == kind && string(of.Cluster) == cluster && (of.To == 0 || of.From < to && of.To > from) {
				do(f, of, newer)
			}
		}
		newer = newer.and(f.meta.Freed)
	}
}

// Clusters returns the clusters that have samples, sorted.
func (v *View) Clusters() []string {
	var out []string
	for i := range v.from {
		for _, of := range v.from[i].meta.Files {
			if of.Kind == Samples || of.Kind == Counts {
				out = append(out, string(of.Cluster))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Oldest returns the earliest time of what there is of a kind; false if there is
// nothing.
func (v *View) Oldest(kind Kind) (sec int64, ok bool) {
	sec = math.MaxInt64
	for i := range v.from {
		for _, of := range v.from[i].meta.Files {
			if (of.Kind == kind || kind == Samples && of.Kind == Counts) && of.Records != 0 {
				sec, ok = min(sec, of.From), true
			}
		}
	}
	return sec, ok
}

// Blocks yields the newest version of every block of the cluster that has slots in
// [from, to), in Unix seconds, ordered by path, name of the metric and index, each good
// until the next one.
func (v *View) Blocks(ctx context.Context, cluster string, from, to int64) iter.Seq2[*store.BlockAt, error] {
	v = v.once()
	both := []iter.Seq[*store.BlockAt]{
		v.blocks(Samples, cluster, from, to),
		v.blocks(Counts, cluster, from, to),
	}
	return until(ctx, v, merged(both, orderBlocks, func(*store.BlockAt, *store.BlockAt) {}))
}

// blocks does what Blocks does for one kind.
func (v *View) blocks(kind Kind, cluster string, from, to int64) iter.Seq[*store.BlockAt] {
	var sorted []iter.Seq[*store.BlockAt]
	v.files(kind, cluster, from, to, func(f *folder, of *metaOf, hidden frees) {
		sorted = append(sorted, func(yield func(*store.BlockAt) bool) {
			for b := range v.dir.readBlocks(f, of, v.tell(f, of)) {
				if end(b) > from && begin(b) < to && !hidden.has(b) && !yield(b) {
					return
				}
			}
		})
	})
	return merged(sorted, orderBlocks, v.dir.under)
}

// once returns v for one sequence, which has its own error.
func (v *View) once() *View {
	return &View{dir: v.dir, from: v.from, damaged: v.damaged, missed: v.missed}
}

// miss reports whether err is that a file cannot be opened, and notes it.
func (v *View) miss(f *folder, file string, err error) bool {
	if !errors.Is(err, errClosed) {
		return false
	}
	v.missed = fmt.Errorf("checkpoint %s: %s: %w", f.name, file, err)
	return true
}

// tell returns what is told of a file.
func (v *View) tell(f *folder, of *metaOf) func(error) {
	return func(err error) {
		if v.forgo || !v.miss(f, of.Name, err) {
			v.damaged(f.name, of.Name, err)
		}
	}
}

// under puts an older version of a block under a newer one.
func (d *Dir) under(newer, older *store.BlockAt) {
	fold := metric.Last
	if id, ok := d.parts.Table.Lookup(newer.Metric); ok {
		fold = d.parts.Table.At(id).Fold
	}
	newer.Under(older, fold)
}

// Transfers yields those whose time (transfer.Transfer.Time) is in [from, to), by ID.
func (v *View) Transfers(ctx context.Context, from, to int64) iter.Seq2[*transfer.Transfer, error] {
	v = v.once()
	return until(ctx, v, within(v.transfers(), (*transfer.Transfer).Time, from, to))
}

// transfers yields all, as they were saved last: a time may be another in each version.
func (v *View) transfers() iter.Seq[*transfer.Transfer] {
	var sorted []iter.Seq[*transfer.Transfer]
	v.files(Transfers, "", -all, all, func(f *folder, of *metaOf, _ frees) {
		sorted = append(sorted, v.dir.readTransfers(f, of, v.tell(f, of)))
	})
	return merged(sorted, orderTransfers, func(*transfer.Transfer, *transfer.Transfer) {})
}

func orderTransfers(a, b *transfer.Transfer) int { return strings.Compare(a.ID, b.ID) }

// Claims yields those whose time is in [from, to), by run and ID.
func (v *View) Claims(ctx context.Context, from, to int64) iter.Seq2[*transfer.Claim, error] {
	v = v.once()
	return until(ctx, v, within(v.claims(), (*transfer.Claim).Time, from, to))
}

func (v *View) claims() iter.Seq[*transfer.Claim] {
	var sorted []iter.Seq[*transfer.Claim]
	v.files(Claims, "", -all, all, func(f *folder, of *metaOf, _ frees) {
		sorted = append(sorted, v.dir.readClaims(f, of, v.tell(f, of)))
	})
	return merged(sorted, orderClaims, func(*transfer.Claim, *transfer.Claim) {})
}

func orderClaims(a, b *transfer.Claim) int { return strings.Compare(a.Key(), b.Key()) }

// Packets yields those of [from, to) in the order in which they were taken in.
func (v *View) Packets(ctx context.Context, from, to int64) iter.Seq2[Packet, error] {
	v = v.once()
	return until(ctx, v, within(v.packets(from, to), func(p Packet) int64 { return p.At.Unix() }, from, to))
}

func (v *View) packets(from, to int64) iter.Seq[Packet] {
	var files []iter.Seq[Packet]
	v.files(Packets, "", from, to, func(f *folder, of *metaOf, _ frees) {
		files = append(files, v.dir.readPackets(f, of, v.tell(f, of)))
	})
	return func(yield func(Packet) bool) {
		for _, file := range slices.Backward(files) {
			for p := range file {
				if !yield(p) {
					return
				}
			}
		}
	}
}

func within[T any](seq iter.Seq[T], at func(T) int64, from, to int64) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range seq {
			if t := at(v); t >= from && t < to && !yield(v) {
				return
			}
		}
	}
}

// until ends a sequence of v with an error when ctx ends, or if something was missed.
func until[T any](ctx context.Context, v *View, seq iter.Seq[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item := range seq {
			if err := ctx.Err(); err != nil {
				yield(item, err)
				return
			}
			if !yield(item, nil) {
				return
			}
		}
		if v.missed != nil {
			var none T
			yield(none, v.missed)
		}
	}
}
