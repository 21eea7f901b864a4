package archive

import (
	"context"
	"path"
	"slices"
	"strings"
)

// A Listing is a day as the target lists it.
type Listing struct {
	Day     Day
	Objects []Object // sorted by name
}

// Bytes returns how large all of it is.
func (l Listing) Bytes() (n int64) {
	for _, o := range l.Objects {
		n += o.Bytes
	}
	return n
}

// files returns the names of the files that can be of a manifest.
func (l Listing) files() (names []string) {
	for _, o := range l.Objects {
		if base := path.Base(o.Name); kindOf(base) != "" && o.Name == nameOf(l.Day, base) {
			names = append(names, base)
		}
	}
	return names
}

// list returns all days, oldest first.
func list(ctx context.Context, t Target) ([]Listing, error) {
	byDay := make(map[Day]int)
	var out []Listing
	for o, err := range t.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		folder, _, _ := strings.Cut(o.Name, "/")
		day, err := ParseDay(folder)
		if err != nil {
			continue
		}
		i, ok := byDay[day]
		if !ok {
			i = len(out)
			byDay[day], out = i, append(out, Listing{Day: day})
		}
		out[i].Objects = append(out[i].Objects, o)
	}
	slices.SortFunc(out, func(a, b Listing) int { return int(a.Day - b.Day) })
	return out, nil
}
