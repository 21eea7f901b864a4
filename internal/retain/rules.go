package retain

import (
	"fmt"
	"math"
	"path"
	"slices"
	"time"

	"tallystick/internal/metric"
)

// A Rule says how long samples of some metrics of some clusters are kept. Patterns
// are those of path.Match, such as "cpu_*"; an empty one is all.
type Rule struct {
	Cluster string        `koanf:"cluster"`
	Metric  string        `koanf:"metric"`
	Keep    time.Duration `koanf:"keep"`
}

// Check returns why r cannot be used.
func (r Rule) Check() error {
	for _, pattern := range []string{r.Cluster, r.Metric} {
		if err := CheckPattern(pattern); err != nil {
			return err
		}
	}
	if r.Keep <= 0 {
		return fmt.Errorf("keep: %v is not more than 0", r.Keep)
	}
	return nil
}

// CheckPattern returns why a pattern cannot be used.
func CheckPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q: %w", pattern, err)
	}
	return nil
}

// match reports whether the pattern takes the name. One that cannot be used takes
// none: Check refused it.
func match(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// Keep returns how long samples of a metric of a cluster are kept: what the first
// rule says that takes both, else Config.Memory.
func (c Config) Keep(cluster, metric string) time.Duration {
	i := slices.IndexFunc(c.Rules, func(r Rule) bool {
		return match(r.Cluster, cluster) && match(r.Metric, metric)
	})
	if i >= 0 {
		return c.Rules[i].Keep
	}
	return or(c.Memory, DefaultMemory)
}

// Longest returns how long samples are kept at most, jobs aside: one that is older
// need not come in.
func (c Config) Longest() time.Duration {
	longest := or(c.Memory, DefaultMemory)
	for _, r := range c.Rules {
		longest = max(longest, r.Keep)
	}
	return longest
}

// Shortest returns how long every sample is kept at least.
func (c Config) Shortest() time.Duration {
	shortest := or(c.Memory, DefaultMemory)
	for _, r := range c.Rules {
		shortest = min(shortest, r.Keep)
	}
	return shortest
}

// A Table knows metrics by their IDs. *metric.Table is one.
type Table interface {
	At(id metric.ID) metric.Metric
}

// A plan is what is too old in one Step.
type plan struct {
	cfg      Config
	table    Table
	now      time.Time
	clusters map[string][]int64 // Unix seconds by metric
}

// unasked is in a plan for a metric that was not asked for yet.
const unasked = math.MinInt64

// before returns the time for each metric of a cluster. What is kept for a job is
// kept at least as long as Jobs.Max says.
func (p *plan) before(cluster string, job bool) func(metric.ID) int64 {
	forJobs := p.now.Add(-or(p.cfg.Jobs.Max, DefaultJobs)).Unix()
	return func(id metric.ID) int64 {
		t := p.ask(cluster, id)
		if job {
			t = min(t, forJobs)
		}
		return t
	}
}

func (p *plan) ask(cluster string, id metric.ID) int64 {
	times := p.clusters[cluster]
	for int(id) >= len(times) {
		times = append(times, unasked)
		p.clusters[cluster] = times
	}
	if times[id] == unasked {
		times[id] = p.now.Add(-p.cfg.Keep(cluster, p.table.At(id).Name)).Unix()
	}
	return times[id]
}
