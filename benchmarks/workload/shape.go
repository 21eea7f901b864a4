package workload

import (
	"maps"
	"slices"
	"strconv"
)

// A shape is what nodes send.
type shape struct {
	step  int64    // seconds
	node  []column // metrics of each node
	kind  string   // what the parts of a node are
	parts int      // of them, at once
	part  []column // metrics of each
	named bool     // the parts have long names, not numbers
	life  int      // slots, after which a part makes way for another one; 0: all stay
	oneIn int      // of so many slots one has a sample, in the mean; 0 or 1: all have
}

// A column is a metric.
type column struct {
	measurement, field string

	kind   kind
	digits int // behind the point
}

// Shapes returns the names of the shapes, sorted.
func Shapes() []string { return slices.Sorted(maps.Keys(shapes())) }

// shapes are what there is, by name.
func shapes() map[string]shape {
	return map[string]shape{
		// What a node of a cluster sends: counts, rounded measurements, some that never change, and ratios.
		"telemetry": {step: 10, node: ofNode(), kind: "hwthread", parts: 8, part: ofThread()},
		// The same in lines of several fields, as Telegraf sends.
		"fields": {step: 10, node: together("machine", ofNode()), kind: "hwthread", parts: 8, part: together("thread", ofThread())},
		// Most nodes are silent most of the time.
		"sparse": {step: 10, node: ofNode(), kind: "hwthread", parts: 8, part: ofThread(), oneIn: 20},
		// What a cache of XRootD has done for each client in a minute.
		"xrootd": {
			step: 60, node: ofServer(), kind: "client", parts: 40, named: true, oneIn: 3,
			part: []column{one("seen_reads", count), one("seen_bytes", count), one("seen_opens", count)},
		},
		// Jobs that end after 10 steps, while others begin.
		"churn": {
			step: 10, node: ofNode(), kind: "job", parts: 8, named: true, life: 10,
			part: []column{one("job_cpu_time", counter), rounded("job_memory", 1), one("job_efficiency", ratio)},
		},
		// What cannot be made smaller.
		"random": {step: 10, node: as(ofNode(), anything), kind: "hwthread", parts: 8, part: as(ofThread(), anything)},
	}
}

func one(name string, k kind) column { return column{measurement: name, field: ValueField, kind: k} }

func rounded(name string, digits int) column {
	return column{measurement: name, field: ValueField, kind: gauge, digits: digits}
}

func ofNode() []column {
	return []column{
		rounded("cpu_load", 2), rounded("cpu_power", 1), rounded("mem_bw", 2), rounded("flops_any", 1), rounded("mem_used", 0),
		one("net_bytes_in", counter), one("net_bytes_out", counter), one("ib_recv_pkts", counter),
		one("mem_total", constant), one("fan_speed", constant),
	}
}

func ofThread() []column {
	return []column{rounded("cpu_user", 2), one("instructions", counter), one("branch_miss", ratio)}
}

func ofServer() []column {
	return []column{rounded("cache_used", 1), one("cache_reads", counter), one("cache_hit_rate", ratio)}
}

// together makes fields of one measurement out of metrics.
func together(measurement string, columns []column) []column {
	for i := range columns {
		columns[i].measurement, columns[i].field = measurement, columns[i].measurement
	}
	return columns
}

// as makes all values of one kind.
func as(columns []column, k kind) []column {
	for i := range columns {
		columns[i].kind = k
	}
	return columns
}

// appendID appends what a part is called.
func (w *Workload) appendID(dst []byte, node, part int) []byte {
	if !w.named {
		return strconv.AppendInt(dst, int64(part), 10)
	}
	dst = append(append(dst, w.kind...), '-')
	dst = strconv.AppendInt(dst, int64(node), 10)
	dst = strconv.AppendInt(append(dst, '-'), int64(part), 10)
	return append(dst, ".example.org"...)
}
