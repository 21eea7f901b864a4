package source

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/ingest"
)

// natsCounts are what /metrics tells of what was in the messages of a subscription.
type natsCounts struct {
	accepted prometheus.Counter
	rejected *prometheus.CounterVec
}

func newNATSCounts(reg prometheus.Registerer, name string) (*natsCounts, error) {
	labels := prometheus.Labels{"subscription": name}
	c := &natsCounts{
		accepted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_nats_accepted_total", ConstLabels: labels,
			Help: "Lines, packets and claims of the messages that were taken.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallystick_nats_rejected_total", ConstLabels: labels,
			Help: "Lines, packets and claims of the messages that were refused, by reason.",
		}, []string{"reason"}),
	}
	return c, errors.Join(reg.Register(c.accepted), reg.Register(c.rejected))
}

// count counts what a Result tells; rejects that it does not tell one by one have
// the reason "more".
func (c *natsCounts) count(r ingest.Result) {
	c.accepted.Add(float64(r.Accepted))
	for _, e := range r.Errors {
		c.rejected.WithLabelValues(e.Reason).Inc()
	}
	if more := r.Rejected - len(r.Errors); more > 0 {
		c.rejected.WithLabelValues("more").Add(float64(more))
	}
}
