package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/ocf"
	"tallystick/internal/transfer"
)

// An Archive reads what is at a target, also what is damaged: that is told to Damaged,
// with the name of the file, and left out.
type Archive struct {
	target  Target
	damaged func(file string, err error)
}

// Open returns the archive at a target.
func Open(t Target, damaged func(file string, err error)) *Archive { return &Archive{t, damaged} }

// Days returns all days, oldest first.
func (a *Archive) Days(ctx context.Context) ([]Listing, error) { return list(ctx, a.target) }

// Manifest returns that of a day. The error is fs.ErrNotExist if there is none.
func (a *Archive) Manifest(ctx context.Context, day Day) (*Manifest, error) {
	return readManifest(ctx, a.target, day)
}

// Series yields the samples of a day, cluster by cluster, ordered by path and metric.
// want says which clusters are of interest; nil: all.
func (a *Archive) Series(ctx context.Context, day Day, want func(cluster string) bool) iter.Seq2[*Series, error] {
	return each[*Series](a, ctx, day, checkpoint.Samples, want)
}

// Transfers yields the transfers of a day, by ID. One that was open when a day became
// final may be there, and as it ended under a later day.
func (a *Archive) Transfers(ctx context.Context, day Day) iter.Seq2[*transfer.Transfer, error] {
	return each[*transfer.Transfer](a, ctx, day, checkpoint.Transfers, nil)
}

// Claims yields the claims of a day, by run and ID.
func (a *Archive) Claims(ctx context.Context, day Day) iter.Seq2[*transfer.Claim, error] {
	return each[*transfer.Claim](a, ctx, day, checkpoint.Claims, nil)
}

// Packets yields the packets of a day, in the order in which they were taken in.
func (a *Archive) Packets(ctx context.Context, day Day) iter.Seq2[Packet, error] {
	return each[Packet](a, ctx, day, checkpoint.Packets, nil)
}

// each yields the records of a kind and day. An error is one of the target or of ctx, and
// the last thing that is yielded.
func each[T any](a *Archive, ctx context.Context, day Day, kind Kind, want func(cluster string) bool) iter.Seq2[T, error] { //nolint:revive // a is the receiver that a generic method would have
	return func(yield func(T, error) bool) {
		var none T
		names, err := a.names(ctx, day, kind, want)
		if err != nil {
			yield(none, err)
			return
		}
		for _, name := range names {
			more, err := a.file(ctx, name, kind, func(it item) bool {
				v, ok := it.value.(T)
				return !ok || yield(v, nil)
			})
			if err != nil {
				yield(none, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// names returns the files of a kind of a day: those that are there. That one is missing
// is told.
func (a *Archive) names(ctx context.Context, day Day, kind Kind, want func(cluster string) bool) (names []string, err error) {
	m, err := readManifest(ctx, a.target, day)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errManifest) {
		return nil, err
	}
	there := make(map[string]bool)
	for o, err := range a.target.List(ctx, day.String()+"/"+string(kind)) {
		if err != nil {
			return nil, err
		}
		base := strings.TrimPrefix(o.Name, day.String()+"/")
		there[base] = true
		if kindOf(base) != kind || !strings.HasSuffix(base, avroSuffix) {
			continue
		}
		// Without a manifest the cluster is known from the records only: all are read then.
		if f := m.File(base); want == nil || f == nil || want(string(f.Cluster)) {
			names = append(names, o.Name)
		}
	}
	if m != nil {
		for _, f := range m.Files {
			if f.Kind == kind && !there[f.Name] {
				a.damaged(nameOf(day, f.Name), errMissing)
			}
		}
	}
	return names, nil
}

var errMissing = fmt.Errorf("it is missing: %w", fs.ErrNotExist)

// file calls use with the records of a file until it returns false.
func (a *Archive) file(ctx context.Context, name string, kind Kind, use func(item) bool) (more bool, err error) {
	in, err := a.target.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer in.Close()
	from := newTally(in)
	tell := func(err error) {
		if from.err == nil {
			a.damaged(name, err)
		}
	}
	for it := range items(ocf.NewReader(from, tell), kind, tell) {
		if !use(it) {
			return false, nil
		}
	}
	if from.err != nil {
		return false, fmt.Errorf("read %s: %w", name, from.err)
	}
	return true, ctx.Err()
}

// Prune removes the days that the rules say shall go, and returns those that are gone.
func (a *Archive) Prune(ctx context.Context, rules Config, now time.Time) ([]Day, error) {
	return rules.prune(ctx, a.target, now)
}
