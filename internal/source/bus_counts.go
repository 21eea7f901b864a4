package source

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/ingest"
)

// busCounts are what /metrics tells of what was in the messages of a subscription.
type busCounts struct {
	accepted prometheus.Counter
	rejected *prometheus.CounterVec
}

func newBusCounts(reg prometheus.Registerer, broker, name string) (*busCounts, error) {
	labels := prometheus.Labels{"subscription": name}
	c := &busCounts{
		accepted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_" + broker + "_accepted_total", ConstLabels: labels,
			Help: "Lines, packets and claims of the messages that were taken.",
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallystick_" + broker + "_rejected_total", ConstLabels: labels,
			Help: "Lines, packets and claims of the messages that were refused, by reason.",
		}, []string{"reason"}),
	}
	return c, errors.Join(reg.Register(c.accepted), reg.Register(c.rejected))
}

// count counts what a Result tells; rejects that it does not tell one by one have
// the reason "more".
func (c *busCounts) count(r ingest.Result) {
	c.accepted.Add(float64(r.Accepted))
	for _, e := range r.Errors {
		c.rejected.WithLabelValues(e.Reason).Inc()
	}
	if more := r.Rejected - len(r.Errors); more > 0 {
		c.rejected.WithLabelValues("more").Add(float64(more))
	}
}
