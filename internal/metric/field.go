package metric

import "slices"

// What a Field is a number of.
const (
	OfSummary  = "summary"  // the summary of xrd.report
	OfOSS      = "oss"      // the g-stream of the storage
	OfHTTP     = "http"     // the g-stream of HTTP, summed over methods and answers
	OfThrottle = "throttle" // the g-stream of the throttle
)

// A Field is a number of what servers report of themselves that is kept as a metric
// of the server.
type Field struct {
	Of   string
	Path string // where it stands there, such as link/out
	Name string // of the metric: several fields may be parts of one
	Unit string
	// Parts is how many of the field's unit are one of Unit: 1e6 for microseconds.
	Parts float64
	// Now is set for what is so at the moment; all else is counted since the
	// server's start, and told as how much more it is than the last time.
	Now bool
}

// counts returns Fields that count, named prefix and what stands behind the path's
// last step.
func counts(of, unit, prefix, at string, names ...string) (out []Field) {
	for _, n := range names {
		out = append(out, Field{Of: of, Path: at + n, Name: prefix + n, Unit: unit, Parts: 1})
	}
	return out
}

// states is counts for what is so at the moment.
func states(of, unit, prefix, at string, names ...string) []Field {
	out := counts(of, unit, prefix, at, names...)
	for i := range out {
		out[i].Now = true
	}
	return out
}

// cpu returns the two parts of a time in the summary.
func cpu(which string) []Field {
	name := "xrd_proc_" + which
	return []Field{
		{OfSummary, "proc/" + which + "/s", name, "s", 1, false},
		{OfSummary, "proc/" + which + "/u", name, "s", 1e6, false},
	}
}

// Fields returns what is kept of what servers report of themselves. The names are
// XRootD's own: Xrd/XrdStats.cc and what it calls for the summary,
// XrdOssStats/XrdOssStatsFileSystem.cc, XrdHttp/XrdHttpMon.cc and
// XrdThrottle/XrdThrottleManager.cc for the g-streams. The rest of a report is
// of no use to anybody who does not develop XRootD.
func Fields() []Field {
	return slices.Concat(
		counts(OfSummary, "B", "xrd_link_", "link/", "in", "out"),
		counts(OfSummary, "1", "xrd_link_", "link/", "tot", "tmo", "stall", "sfps"),
		states(OfSummary, "1", "xrd_link_", "link/", "num"),
		cpu("usr"), cpu("sys"),
		counts(OfSummary, "1", "xrd_xrootd_", "xrootd/", "num", "err", "rdr", "dly"),
		counts(OfSummary, "1", "xrd_ops_", "xrootd/ops/",
			"open", "rf", "rd", "pr", "rv", "rs", "wv", "ws", "wr", "sync", "getf", "putf", "misc"),
		counts(OfSummary, "1", "xrd_lgn_", "xrootd/lgn/", "num", "af", "au", "ua"),
		counts(OfSummary, "1", "xrd_sched_", "sched/", "jobs", "tlimr"),
		states(OfSummary, "1", "xrd_sched_", "sched/", "inq", "threads", "idle"),
		states(OfSummary, "B", "xrd_buff_", "buff/", "mem"),
		counts(OfSummary, "1", "xrd_ofs_tpc_", "ofs/tpc/", "grnt", "deny", "err", "exp"),
		counts(OfSummary, "1", "xrd_pss_", "pss/", "open", "close"),
		counts(OfSummary, "B", "xrd_cache_prerd_", "cache/prerd/", "in"),
		counts(OfSummary, "B", "xrd_cache_rd_", "cache/rd/", "in", "out"),
		counts(OfSummary, "1", "xrd_cache_rd_", "cache/rd/", "hits", "miss"),
		counts(OfSummary, "B", "xrd_cache_", "cache/", "pass"),
		counts(OfSummary, "1", "xrd_cache_files_", "cache/files/", "opened", "closed", "new", "del"),
		states(OfSummary, "1", "xrd_cache_files_", "cache/files/", "now"),
		states(OfSummary, "B", "xrd_cache_store_", "cache/store/", "size", "used"),
		states(OfSummary, "B", "xrd_cache_mem_", "cache/mem/", "size", "used"),
		counts(OfOSS, "1", "xrd_oss_", "", "opens", "reads", "readvs", "pgreads", "writes", "pgwrites", "stats", "dirlists",
			"slow_opens", "slow_reads", "slow_readvs", "slow_pgreads", "slow_writes", "slow_pgwrites"),
		counts(OfOSS, "s", "xrd_oss_", "", "open_t", "read_t", "readv_t", "pgread_t", "write_t", "pgwrite_t"),
		counts(OfHTTP, "1", "xrd_http_", "", "count", "success", "errors_network", "errors_xrootd"),
		counts(OfHTTP, "s", "xrd_http_", "", "duration_seconds"),
		counts(OfThrottle, "1", "xrd_throttle_", "", "io_total"),
		states(OfThrottle, "1", "xrd_throttle_", "", "io_active"),
		counts(OfThrottle, "s", "xrd_throttle_", "", "io_wait"),
	)
}

// Reports returns the metrics of Fields: how much in each slot, or what was so at
// its end.
func Reports(step int64) []Metric {
	var out []Metric
	for _, f := range Fields() {
		fold := Sum
		if f.Now {
			fold = Last
		}
		if n := len(out); n == 0 || out[n-1].Name != f.Name {
			out = append(out, Metric{Name: f.Name, Step: step, Fold: fold, Aggregation: AggSum, Unit: f.Unit})
		}
	}
	return out
}
