package metric

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

// XRootD returns the built-in metrics: Transfers and Reports. The step is in seconds.
func XRootD(step int64) []Metric { return append(Transfers(step), Reports(step)...) }

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
