package metric

import (
	"cmp"
	"fmt"
	"slices"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

func foldNames() []string { return []string{"last", "sum", "min", "max"} }

func aggregationNames() []string { return []string{"none", "sum", "avg", "min", "max"} }

func name(names []string, what string, i int) string {
	if i >= len(names) {
		return fmt.Sprintf("%s(%d)", what, i)
	}
	return names[i]
}

// String returns the name that configurations use.
func (f Fold) String() string { return name(foldNames(), "fold", int(f)) }

// MarshalText writes the name that configurations use.
func (f Fold) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads the name that configurations use.
func (f *Fold) UnmarshalText(b []byte) error {
	i := slices.Index(foldNames(), string(b))
	if i < 0 {
		return fmt.Errorf("fold %q is none of %v", b, foldNames())
	}
	*f = Fold(i)
	return nil
}

// String returns the name that configurations use.
func (a Aggregation) String() string { return name(aggregationNames(), "aggregation", int(a)) }

// MarshalText writes the name that configurations use.
func (a Aggregation) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads the name that configurations use; empty is none.
func (a *Aggregation) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = AggNone
		return nil
	}
	i := slices.Index(aggregationNames(), string(b))
	if i < 0 {
		return fmt.Errorf("aggregation %q is none of %v", b, aggregationNames())
	}
	*a = Aggregation(i)
	return nil
}
