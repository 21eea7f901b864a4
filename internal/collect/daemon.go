package collect

import (
	"slices"
	"strings"

	"tallystick/internal/metric"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// ofDaemon reports whether the datagram at hand is of a daemon that purges, stages
// or migrates files (FRM). It tells a path where others have a user id, and so no
// sid: that is in the daemon's ident, which comes from the same socket.
func (c *Collector) ofDaemon() bool {
	g := &c.gram
	return g.Kind == xrootd.KindMap && (g.Header.Code == 'p' || g.Header.Code == 'x')
}

// takeDaemon takes the p or x record at hand.
func (c *Collector) takeDaemon(now instant, l *life) error {
	m := &c.gram.Map
	provider, take := transfer.Stage, stageRecord
	if c.gram.Header.Code == 'p' {
		provider, take = transfer.Purge, purgeRecord
	}
	c.stats.Events[provider]++
	e := eventOf(provider, append(append(slices.Clip(m.RawUser), '\n'), m.Rest...))
	samples, err := take(e, m.Rest)
	if err != nil {
		return err
	}
	e.Path = transfer.CleanPath(strings.ToValidUTF8(string(m.RawUser), "\uFFFD"))
	return c.note(&l.Book, note{At: now, Event: e, Samples: samples})
}

func purgeRecord(e *transfer.Event, rest []byte) ([]Sample, error) {
	r, err := xrootd.ParsePurge(rest)
	if err != nil {
		return nil, err
	}
	e.At, e.Bytes = span(r.Time, r.Time), r.Size
	return own(r.Time, []count{{metric.XrdPurgeFiles, 1}, {metric.XrdPurgeBytes, r.Size}}), nil
}

func stageRecord(e *transfer.Event, rest []byte) ([]Sample, error) {
	r, err := xrootd.ParseStage(rest)
	if err != nil {
		return nil, err
	}
	e.At, e.Bytes = span(r.Time-r.Took, r.Time), r.Size
	if r.Code != 0 {
		return own(r.Time, []count{{metric.XrdStageFailures, 1}}), nil
	}
	return own(r.Time, []count{{metric.XrdStageFiles, 1}, {metric.XrdStageBytes, r.Size}}), nil
}
