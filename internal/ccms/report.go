package ccms

import (
	"errors"

	"tallystick/internal/store"
)

// A Report is what an Importer has found and done.
type Report struct {
	Clusters, Hosts, Files int // that were read; not those without a file

	Series int // of one host, that at least one sample was taken of
	Taken  int // samples

	// Samples that were not taken, but there is no loss:
	There   int // the store has one in that slot already
	Repeats int // several of one slot; those but one

	Refused  map[string]*Refused // by reason
	Unknown  map[string]*Unknown // metrics that the table does not have
	Steps    map[string]int64    // in seconds, of metrics that have another one in the table
	Problems []Problem           // the first maxProblems
	More     int                 // problems behind them
}

// Refused are samples that cannot be taken.
type Refused struct {
	Samples int
	First   string // where the first of them is, and what is wrong with it
}

// An Unknown is a metric that the table does not have.
type Unknown struct {
	Samples int
	Step    int64 // seconds; 0 if only a WAL has it
}

// A Problem is something wrong with a file, a folder or its name.
type Problem struct {
	Place string // path in the folder of checkpoints
	Err   error
}

const (
	// maxProblems is how many are told: who has more has a damaged disk or another
	// folder, and sees that by then.
	maxProblems = 1000
	// maxUnknown is how many unknown metrics are told: more names than any cluster
	// has. Samples of the others are counted as Refused.
	maxUnknown = 10_000
)

// The reasons for which samples are refused.
const (
	ReasonOld     = "older than retention"
	ReasonFuture  = "ahead of the clock"
	ReasonLevel   = "level without a place"
	ReasonStep    = "step or time that cannot be"
	ReasonValue   = "not finite"
	ReasonMemory  = "store.max_bytes is reached"
	ReasonUnknown = "unknown metric"
	ReasonOther   = "other"
)

func (im *Importer) problem(place string, err error) {
	if len(im.report.Problems) >= maxProblems {
		im.report.More++
		return
	}
	im.report.Problems = append(im.report.Problems, Problem{place, err})
}

func (im *Importer) refuse(reason string, samples int, place string, err error) {
	if samples == 0 {
		return
	}
	r := im.report.Refused[reason]
	if r == nil {
		r = &Refused{First: place}
		if err != nil {
			r.First += ": " + err.Error()
		}
		im.report.Refused[reason] = r
	}
	r.Samples += samples
}

func (im *Importer) unknown(metric string, samples int, step int64, place string) {
	u := im.report.Unknown[metric]
	if u == nil {
		if len(im.report.Unknown) >= maxUnknown {
			im.refuse(ReasonUnknown, samples, place, nil)
			return
		}
		u = &Unknown{}
		im.report.Unknown[metric] = u
	}
	u.Samples += samples
	u.Step = max(u.Step, step)
}

// reason returns why the store refused samples.
func reason(err error) string {
	switch {
	case errors.Is(err, store.ErrFull):
		return ReasonMemory
	case errors.Is(err, store.ErrNotFinite):
		return ReasonValue
	case errors.Is(err, store.ErrTime):
		return ReasonStep
	}
	return ReasonOther
}
