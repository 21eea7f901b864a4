package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stats are the API's own metrics. Their labels have as many values as there
// are routes, methods, statuses and reasons: no caller can add one.
type stats struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	rejects  *prometheus.CounterVec
	limited  *prometheus.CounterVec
}

func newStats(r prometheus.Registerer) (*stats, error) {
	s := &stats{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallystick_http_requests_total",
			Help: "Requests answered; status 499 is a client that did not wait.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tallystick_http_request_duration_seconds",
			Help:    "Time from the head of a request to the end of its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9), // 1 ms … 65 s
		}, []string{"route", "method"}),
		rejects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallystick_http_rejects_total",
			Help: "Messages, claims and lines refused before they came to ingest.",
		}, []string{"route", "reason"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tallystick_http_limited_total",
			Help: "Requests refused because their caller makes too many.",
		}, []string{"limit"}),
	}
	for _, c := range []prometheus.Collector{s.requests, s.duration, s.rejects, s.limited} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register http metrics: %w", err)
		}
	}
	return s, nil
}

func (s *stats) request(route, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		method = "other"
	}
	s.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	s.duration.WithLabelValues(route, method).Observe(took.Seconds())
}
