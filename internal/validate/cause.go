package validate

import (
	"slices"

	"tallystick/internal/transfer"
)

// causeOf returns why v is what it is, as far as that can be told. That a
// transfer goes on comes first: whatever else there is may change.
func causeOf(v transfer.Verdict) transfer.Cause {
	if slices.ContainsFunc(v.Transfers, func(t *transfer.Transfer) bool { return t.End == transfer.Open }) {
		return transfer.StillOpen
	}
	switch v.Kind {
	case transfer.Missing:
		if len(v.Transfers) > 0 {
			return transfer.NoCount
		}
		return transfer.NoRecord
	case transfer.Differ:
		return causeOfDifference(v)
	}
	return ""
}

func causeOfDifference(v transfer.Verdict) transfer.Cause {
	d := v.Monitored.Minus(*v.Claimed)
	switch {
	case v.Monitored == v.Claim.Asked:
		return transfer.Asked
	case d.Read == 0 && d.ReadV == 0 && d.Write > 0 && some(v, transfer.Corrected) && d.Write <= checksumsMax(v.Claimed.Write):
		return transfer.Checksums
	case d.Read <= 0 && d.ReadV <= 0 && d.Write <= 0 && some(v, transfer.LowerBound, transfer.Unknown):
		return transfer.Cut
	}
	return ""
}

func some(v transfer.Verdict, of ...transfer.Quality) bool {
	return slices.ContainsFunc(v.Transfers, func(t *transfer.Transfer) bool { return slices.Contains(of, t.Quality) })
}

// checksumsMax returns the most bytes of checksums that n bytes are written with:
// four for each page of 4096, and as many for the two parts that a page may be
// cut into where one request ends and the next begins.
func checksumsMax(n int64) int64 { return 8 * (n/4096 + 1) }
