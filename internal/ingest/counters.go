package ingest

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// The kinds of input, labels of the counters.
const (
	kindLine   = "line"
	kindPacket = "packet"
	kindClaim  = "claim"
	kindServer = "server" // a server's names, for the directory
)

// counters are what /metrics tells of ingest.
type counters struct {
	accepted   *prometheus.CounterVec // by kind
	rejected   *prometheus.CounterVec // by kind, reason
	duplicates prometheus.Counter     // claims
	refused    *prometheus.CounterVec // samples of packets and claims, by reason
	replayed   prometheus.Counter     // records of the log
}

func newCounters(reg prometheus.Registerer, i *Ingest) (*counters, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tallystick_ingest_" + name, Help: help}, labels)
	}
	c := &counters{
		accepted: vec("accepted_total", "Inputs taken, by kind.", "kind"),
		rejected: vec("rejected_total", "Inputs refused, by kind and reason.", "kind", "reason"),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_ingest_claim_duplicates_total", Help: "Claims taken that were there already.",
		}),
		replayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_ingest_replayed_total", Help: "Records of the log that were applied again at the start.",
		}),
		refused: vec("samples_refused_total", "Samples of packets and claims that were not stored, by reason.", "reason"),
	}
	for _, kind := range []string{kindLine, kindPacket, kindClaim} {
		c.accepted.WithLabelValues(kind) // so that they are there before the first input
	}
	gauge := func(name, help string, now func() float64) error {
		return reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tallystick_ingest_" + name, Help: help}, now))
	}
	return c, errors.Join(
		reg.Register(c.accepted), reg.Register(c.rejected), reg.Register(c.duplicates), reg.Register(c.refused), reg.Register(c.replayed),
		gauge("claims_waiting", "Claims whose server is not known yet.", i.claimsWaiting),
		gauge("metrics_learned", "Metrics learned from lines.", func() float64 { return float64(i.table.Learned()) }),
		gauge("keys", "Keys of lines that are known again.", func() float64 { n, _ := i.keys.size(); return float64(n) }),
		gauge("key_bytes", "Memory of the keys of lines.", func() float64 { _, n := i.keys.size(); return float64(n) }),
	)
}

// batch counts the result of a batch, and what was refused by reason.
func (c *counters) accept(kind string, n int) { c.accepted.WithLabelValues(kind).Add(float64(n)) }

func (c *counters) reject(kind, reason string) {
	c.rejected.WithLabelValues(kind, label(reason)).Inc()
}

func (c *counters) refuse(reason string) { c.refused.WithLabelValues(label(reason)).Inc() }

// label keeps a text that someone sent from becoming a label by mistake: reasons
// are constant words, and every label costs memory for ever.
func label(reason string) string {
	for _, r := range reason {
		if r != '-' && (r < 'a' || r > 'z') {
			return ReasonOther
		}
	}
	if reason == "" || len(reason) > 20 {
		return ReasonOther
	}
	return reason
}
