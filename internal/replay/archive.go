package replay

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/transfer"
)

// An Archive is a Source of days.
type Archive struct {
	of   *archive.Archive
	days []archive.Day
	has  map[archive.Day]bool // packets
}

// OpenArchive looks which days there are.
func OpenArchive(ctx context.Context, of *archive.Archive) (*Archive, error) {
	days, err := of.Days(ctx)
	if err != nil {
		return nil, err
	}
	a := &Archive{of: of, has: make(map[archive.Day]bool)}
	for _, d := range days {
		a.days = append(a.days, d.Day)
		m, err := of.Manifest(ctx, d.Day)
		switch {
		case err == nil:
			a.has[d.Day] = slices.Contains(m.Kinds, checkpoint.Packets)
		case errors.Is(err, fs.ErrNotExist): // not complete: the checkpoints have it
		default:
			a.has[d.Day] = true // its files may be whole
		}
	}
	return a, nil
}

// Days returns how many there are.
func (a *Archive) Days() int { return len(a.days) }

// Packets implements Source.
func (a *Archive) Packets(ctx context.Context, from, to int64) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		for _, day := range a.days {
			if !a.has[day] || day.To() <= from || day.From() >= to {
				continue
			}
			for k, err := range a.of.Packets(ctx, day) {
				if t := k.At.Unix(); err == nil && (t < from || t >= to) {
					continue
				}
				if !yield(k, err) || err != nil {
					return
				}
			}
		}
	}
}

// Claims implements Source.
func (a *Archive) Claims(ctx context.Context, _, _ int64) iter.Seq2[*transfer.Claim, error] {
	return func(yield func(*transfer.Claim, error) bool) {
		for _, day := range a.days {
			for c, err := range a.of.Claims(ctx, day) {
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// Beside returns s without the packets that a has: checkpoints may still have what was
// archived.
func (a *Archive) Beside(s Source) Source { return beside{s, a} } //nolint:ireturn // it is one of several

type beside struct {
	Source

	archive *Archive
}

// Packets implements Source.
func (b beside) Packets(ctx context.Context, from, to int64) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		for k, err := range b.Source.Packets(ctx, from, to) {
			if err == nil && b.archive.has[archive.DayOf(k.At.Unix())] {
				continue
			}
			if !yield(k, err) || err != nil {
				return
			}
		}
	}
}
