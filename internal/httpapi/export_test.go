package httpapi

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/auth"
	"tallystick/internal/collect"
	"tallystick/internal/ingest"
	"tallystick/internal/query"
	"tallystick/internal/transfer"
)

// The decoders without HTTP around them.

func testTally() *tally {
	s, err := newStats(prometheus.NewRegistry())
	if err != nil {
		panic(err)
	}
	return &tally{stats: s, buffers: new(sync.Pool), route: "test"}
}

func TakePackets(body io.Reader, put func([]collect.Packet) ingest.Result) (ingest.Result, error) {
	t := testTally()
	err := takeAll(newMessages(body), t, decoder(new(ingest.PacketDecoder).Decode), put)
	return t.result, err
}

func TakeClaims(body io.Reader, put func([]*transfer.Claim) ingest.Result) (ingest.Result, error) {
	t := testTally()
	err := takeAll(newMessages(body), t, decoder(ingest.DecodeClaim), put)
	return t.result, err
}

func TakeLines(body io.Reader, put func([]byte) ingest.Result) (ingest.Result, error) {
	t := testTally()
	err := takeLines(body, t, put)
	return t.result, err
}

const (
	MaxMessage    = maxMessage
	MaxBatch      = maxBatch
	MaxBatchBytes = maxBatchBytes
)

func Whole(b []byte) []byte { return whole(b) }

func Accept(r *http.Request, offers ...string) (string, error) { return accept(r, offers...) }

func IfMatch(r *http.Request) (string, error) { return ifMatch(r) }

func Bearing(r *http.Request) (*http.Request, error) { return bearing(r) }

func WriteSeries(w http.ResponseWriter, s []query.Series) error { return writeSeries(w, s) }

func WriteSeriesLines(w http.ResponseWriter, s []query.Series) error { return writeSeriesLines(w, s) }

func WriteSeriesArrow(w http.ResponseWriter, s []query.Series) error { return writeSeriesArrow(w, s) }

func WriteValuesCSV(w http.ResponseWriter, s []query.Series) error { return writeValuesCSV(w, s) }

func WriteStatsCSV(w http.ResponseWriter, s []query.Series) error { return writeStatsCSV(w, s) }

type (
	MetricList = metricList
	TreePage   = treePage
	TreeLevel  = treeLevel
)

func AppendString(b []byte, s string) []byte { return appendString(b, s) }

func AppendCSV(b []byte, s string) []byte { return appendCSV(b, s) }

// OriginOf returns what is known of where r comes from.
func OriginOf(r *http.Request) (id, trace, parent string) {
	o := originOf(r)
	return o.id, o.trace, o.parent
}

// A Limiter is one without HTTP around it.
type Limiter struct{ *limiter }

func NewLimiter(cfg Config) (Limiter, error) {
	l, err := newLimiter(cfg)
	return Limiter{l}, err
}

func (l Limiter) Enter(u auth.User, now time.Time) (leave func(), reason string, wait time.Duration) {
	return l.enter(u, now)
}

func (l Limiter) Len() int { return l.callers.Len() }
