// Package ccms reads the checkpoints of ClusterCockpit's cc-metric-store into a store.
//
//	<dir>/<cluster>/<host>/<from>.json    snapshot of [from, …), one decimal
//	<dir>/<cluster>/<host>/<from>.bin     snapshot of [from, …), float32
//	<dir>/<cluster>/<host>/current.wal    what came since the last snapshot, float32
//
// ReadJSON, ReadBinary and ReadWAL read one file each and know nothing of folders;
// an Importer reads folders. The formats are those of cc-metric-store 1.5.4 (package
// pkg/metricstore of cc-backend), and of earlier versions as far as they are the same.
//
// Rules:
//
//   - Value i of a saved series has the time start+i*step: a snapshot is made of
//     what a query answers, whose first value has the time of the first sample. The
//     original takes start for the begin of the first slot when it reads it back,
//     which moves all by half a step at each restart. Here, it is not moved (TestGolden).
//   - A series that began before its file is cut at the file's from, which may be
//     anywhere in a slot. If an earlier file of the host tells where the slots of the
//     series lie, its first value is put back there; if not, from is its time.
//   - Values are what is in the file, in 64 bits; null and NaN are gaps.
//   - Of two files with a sample of the same time, the later one counts, and the WAL
//     before both. Different samples of one slot become what the metric's fold says.
//   - What the store has already stays: it is more exact than what was saved, and so
//     it does no harm to import twice.
//   - A file is good as far as it can be read. What is wrong with it is told with its
//     place and harms nothing else. A bad record of a WAL costs that record only.
//   - No memory is taken for a length that a file tells, only for what is there.
package ccms

import (
	"errors"
	"fmt"
)

// A FormatError says where a file is not what it should be.
type FormatError struct {
	Offset int64 // bytes from its beginning
	Err    error
}

func (e *FormatError) Error() string { return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err) }

func (e *FormatError) Unwrap() error { return e.Err }

// What is wrong with files, as the Err of a FormatError.
var (
	ErrMagic = errors.New("it does not begin as such a file does")
	ErrShort = errors.New("it ends early")
	ErrLong  = errors.New("there is more behind its end")
	ErrDeep  = errors.New("levels are nested too deep")
	ErrLevel = errors.New("not the name of a level")
)

// A Series is one metric at one level, as a snapshot has it.
type Series struct {
	Level  []string // the names of the levels below the host; none: the host itself
	Metric string
	Step   int64     // seconds; whatever the file says
	Start  int64     // Unix seconds, of Values[0]
	Values []float64 // NaN is a gap
}

// maxDepth is how deep levels may be nested in a snapshot: twice as deep as those
// that cc-metric-store can make, so that one too many is refused by itself.
const maxDepth = 8
