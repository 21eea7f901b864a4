// Package reconcile compares what went over the links of a server, as its summary
// counts it, with what its monitoring told of files, and names the likely cause where
// they differ.
//
// The summary is the one account that nothing in the monitoring of files can falsify:
// where that is complete, the two differ by the bytes around the data (XROOTD.md
// 4.4). It has its own limits: it does not tell single files, and over a short time
// what is told late stands in the wrong place.
//
// The package is pure.
package reconcile

import (
	"cmp"
	"maps"
	"slices"

	"tallystick/internal/transfer"
)

// Config is what an operator may choose.
type Config struct {
	// Low and High are between which link bytes divided by told bytes are good.
	// Defaults 0.98 and 1.05.
	Low  float64 `koanf:"low"`
	High float64 `koanf:"high"`
	// Min is how many bytes the two must differ by, besides those around the data,
	// before anything is said. Default 1 MiB.
	Min int64 `koanf:"min"`
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config { return Config{Low: 0.98, High: 1.05, Min: 1 << 20} }

// The likely causes are causes of verdicts.
const (
	notMonitored = transfer.NotMonitored    // nothing is told of any file
	noClose      = transfer.NoCloseByConfig // files are opened, and never closed: no xfr in fstat (fact 1)
	asyncRead    = transfer.AsyncCacheRead  // a proxy does not count reads by async I/O (fact 3)
	lost         = transfer.PacketsLost
	killed       = transfer.KilledClient // a forced close counts nothing (fact 2)
	put          = transfer.HTTPPut      // what uploads by HTTP write is not counted
	open         = transfer.StillOpen    // files that were open at the end, or the start
	pastEnd      = transfer.PastEnd      // what is asked for is counted (fact 6)
	unexplained  = transfer.CauseUnexplained
)

// Causes returns all causes that there may be: labels of a metric.
func Causes() []transfer.Cause {
	return []transfer.Cause{notMonitored, noClose, asyncRead, lost, killed, put, open, pastEnd, unexplained}
}

// A Side is one direction of a balance.
type Side struct {
	Link int64 `json:"link"` // bytes over the links
	Told int64 `json:"told"` // bytes of files that were told
	// Ratio is Link divided by Told, or by 1 if nothing was told.
	Ratio float64 `json:"ratio"`
	// Cause is the likely one of a ratio out of its band, empty if it is good, or if
	// too little moved to say.
	Cause transfer.Cause `json:"cause,omitempty"`
}

// A Result is a balance, and what follows from it.
type Result struct {
	transfer.Balance

	Read  Side `json:"read"`
	Write Side `json:"write"`
}

// Check compares the two accounts in b.
func (c Config) Check(b transfer.Balance) Result {
	return Result{
		Balance: b,
		Read:    c.side(&b, b.Out, b.Told.Read+b.Told.ReadV, readCause),
		Write:   c.side(&b, b.In, b.Told.Write, writeCause),
	}
}

func (c Config) side(b *transfer.Balance, link, told int64, cause func(b *transfer.Balance, link, told int64) transfer.Cause) Side {
	s := Side{Link: link, Told: told, Ratio: float64(link) / float64(max(told, 1))}
	differ := link - told
	beyond := differ > c.Min+b.Around || -differ > c.Min
	if beyond && (s.Ratio < c.Low || s.Ratio > c.High) {
		s.Cause = cause(b, link, told)
	}
	return s
}

func readCause(b *transfer.Balance, link, told int64) transfer.Cause {
	if told > link {
		return tooMuch(b, pastEnd)
	}
	const most = 2 // what explains less than a half of what lacks explains nothing
	if cause := nothingTold(b); cause != "" {
		return cause
	}
	if b.Cache-told > (link-told)/most {
		return asyncRead
	}
	return tooLittle(b)
}

func writeCause(b *transfer.Balance, link, told int64) transfer.Cause {
	if told > link {
		return tooMuch(b, unexplained)
	}
	if cause := nothingTold(b); cause != "" {
		return cause
	}
	switch cause := tooLittle(b); {
	case b.Puts > 0 && cause != lost && cause != open:
		return put
	case cause != asyncRead: // of reads
		return cause
	}
	return unexplained
}

// nothingTold returns the cause if the server does not tell what files moved at all.
func nothingTold(b *transfer.Balance) transfer.Cause {
	switch {
	case b.Closing || b.Told != (transfer.Bytes{}):
		return ""
	case b.Opens == 0 && b.Open == 0:
		return notMonitored
	}
	return noClose
}

func tooLittle(b *transfer.Balance) transfer.Cause {
	switch {
	case b.Lost > 0:
		return lost
	case b.Open > 0:
		return open
	case b.Empty > 0:
		return killed
	case b.Proxy:
		return asyncRead
	}
	return unexplained
}

// tooMuch returns the cause of more being told than went over the links: it is told
// when a file is closed, which may have been open before.
func tooMuch(b *transfer.Balance, otherwise transfer.Cause) transfer.Cause {
	if b.Closes > b.Opens {
		return open
	}
	return otherwise
}

// A life is what balances become one by.
type life struct {
	sid    uint64
	stod   int64
	server string // of one without a sid
}

func lifeOf(b *transfer.Balance) life {
	if b.SID != 0 {
		return life{b.SID, b.Stod, ""}
	}
	return life{0, b.Stod, b.Server}
}

// Sum returns one balance for each life in bs, by server and start.
func Sum(bs []transfer.Balance) []transfer.Balance {
	all := map[life]transfer.Balance{}
	for _, b := range bs {
		k := lifeOf(&b)
		if has, ok := all[k]; ok {
			b = has.Plus(b)
		}
		all[k] = b
	}
	return slices.SortedFunc(maps.Values(all), func(a, b transfer.Balance) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Stod, b.Stod), cmp.Compare(a.SID, b.SID))
	})
}

// Count returns of how many servers the newest life in bs has each cause, in either
// direction.
func (c Config) Count(bs []transfer.Balance) map[transfer.Cause]int {
	newest := map[string]transfer.Balance{}
	for _, b := range Sum(bs) { // by start
		newest[b.Server] = b
	}
	out := map[transfer.Cause]int{}
	for _, b := range newest {
		r := c.Check(b)
		if r.Read.Cause != "" {
			out[r.Read.Cause]++
		}
		if r.Write.Cause != "" && r.Write.Cause != r.Read.Cause {
			out[r.Write.Cause]++
		}
	}
	return out
}
