package main

import (
	"context"
	"strconv"
	"strings"
)

// A teller is a peer that tells of itself what only it knows.
type teller interface {
	// metrics is the request for that, as Prometheus does it.
	metrics() request
}

// A told is what a peer tells of itself: metrics in the text format of Prometheus.
type told string

// tells returns what the peer tells; nothing if it does not.
func (t *trial) tells(ctx context.Context) (told, error) {
	p, ok := t.peer.(teller)
	if !ok {
		return "", nil
	}
	body, _, err := t.drive.do(ctx, p.metrics())
	return told(body), err
}

// value returns that of a metric with its labels, 0 of one that there is not.
func (m told) value(metric string) float64 {
	for line := range strings.Lines(string(m)) {
		if text, ok := strings.CutPrefix(line, metric+" "); ok {
			v, _ := strconv.ParseFloat(strings.TrimSpace(text), 64) // it was written by a program
			return v
		}
	}
	return 0
}
