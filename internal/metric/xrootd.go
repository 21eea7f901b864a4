package metric

import "slices"

// The metrics of XRootD transfers: what the servers' monitoring says (xrd_) and
// what the clients say (client_), under the same level of the tree.
const (
	XrdReadBytes   = "xrd_read_bytes"
	XrdReadVBytes  = "xrd_readv_bytes"
	XrdWriteBytes  = "xrd_write_bytes"
	XrdReadOps     = "xrd_read_ops"
	XrdReadVOps    = "xrd_readv_ops"
	XrdWriteOps    = "xrd_write_ops"
	XrdOpens       = "xrd_opens"
	XrdCloses      = "xrd_closes"
	ClientReadB    = "client_read_bytes"
	ClientReadVB   = "client_readv_bytes"
	ClientWriteB   = "client_write_bytes"
	ClientReadOps  = "client_read_ops"
	ClientReadVOps = "client_readv_ops"
	ClientWriteOps = "client_write_ops"
	ClientOpens    = "client_opens"
	ClientCloses   = "client_closes"
)

// The metrics of what else servers tell: caches, third-party copies, redirections to
// each target, daemons that purge, stage and migrate.
const (
	XrdPFCCloses        = "xrd_pfc_closes"
	XrdPFCHitBytes      = "xrd_pfc_hit_bytes"
	XrdPFCMissBytes     = "xrd_pfc_miss_bytes"
	XrdPFCBypassBytes   = "xrd_pfc_bypass_bytes"
	XrdPFCToDiskBytes   = "xrd_pfc_todisk_bytes"
	XrdPFCPrefetchBytes = "xrd_pfc_prefetch_bytes"
	XrdTPCCopies        = "xrd_tpc_copies"
	XrdTPCFailures      = "xrd_tpc_failures"
	XrdTPCBytes         = "xrd_tpc_bytes"
	XrdRedirects        = "xrd_redirects"
	XrdLocalRedirects   = "xrd_redirects_local"
	XrdPurgeFiles       = "xrd_purge_files"
	XrdPurgeBytes       = "xrd_purge_bytes"
	XrdStageFiles       = "xrd_stage_files"
	XrdStageFailures    = "xrd_stage_failures"
	XrdStageBytes       = "xrd_stage_bytes"
)

// The ratios of what went over the links of a server to what was told of files, since
// the summary before.
const (
	XrdReadRatio  = "xrd_read_ratio"
	XrdWriteRatio = "xrd_write_ratio"
)

// Events returns the metrics of events, which add up as those of transfers do.
func Events(step int64) []Metric {
	var out []Metric
	for _, name := range []string{
		XrdPFCHitBytes, XrdPFCMissBytes, XrdPFCBypassBytes, XrdPFCToDiskBytes, XrdPFCPrefetchBytes,
		XrdTPCBytes, XrdPurgeBytes, XrdStageBytes,
	} {
		out = append(out, Metric{Name: name, Step: step, Fold: Sum, Aggregation: AggSum, Unit: "B"})
	}
	for _, name := range []string{
		XrdPFCCloses, XrdTPCCopies, XrdTPCFailures, XrdRedirects, XrdLocalRedirects,
		XrdPurgeFiles, XrdStageFiles, XrdStageFailures,
	} {
		out = append(out, Metric{Name: name, Step: step, Fold: Sum, Aggregation: AggSum, Unit: "1"})
	}
	for _, name := range []string{XrdReadRatio, XrdWriteRatio} {
		out = append(out, Metric{Name: name, Step: step, Fold: Last, Aggregation: AggAvg, Unit: "1"})
	}
	return out
}

// XRootD returns the built-in metrics: Transfers, Events and Reports. The step is in seconds.
func XRootD(step int64) []Metric {
	return slices.Concat(Transfers(step), Events(step), Reports(step))
}

// Transfers returns the metrics of transfers and claims: counts of events, so that
// samples of one slot add up, and so do the clients of a server and the servers of
// a site.
func Transfers(step int64) []Metric {
	var out []Metric
	for _, name := range []string{
		XrdReadBytes, XrdReadVBytes, XrdWriteBytes, ClientReadB, ClientReadVB, ClientWriteB,
	} {
		out = append(out, Metric{Name: name, Step: step, Fold: Sum, Aggregation: AggSum, Unit: "B"})
	}
	for _, name := range []string{
		XrdReadOps, XrdReadVOps, XrdWriteOps, XrdOpens, XrdCloses,
		ClientReadOps, ClientReadVOps, ClientWriteOps, ClientOpens, ClientCloses,
	} {
		out = append(out, Metric{Name: name, Step: step, Fold: Sum, Aggregation: AggSum, Unit: "1"})
	}
	return out
}
