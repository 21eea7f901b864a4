package record

import (
	"strings"

	"github.com/google/uuid"

	"tallystick/internal/transfer"
)

// A wlcgRecord is one of WLCG's GenericFileMonitoring, as the Go collector writes it:
// what is 0 or empty behind write_bytes is not there.
type wlcgRecord struct {
	Site         string `json:"site_name"`
	Fallback     bool   `json:"fallback"`
	UserDN       string `json:"user_dn"`
	User         string `json:"user,omitempty"`
	ClientHost   string `json:"client_host"`
	ClientDomain string `json:"client_domain"`
	ServerHost   string `json:"server_host"`
	ServerDomain string `json:"server_domain"`
	ServerIP     string `json:"server_ip"`
	UniqueID     string `json:"unique_id"`
	LFN          string `json:"file_lfn"`
	Size         int64  `json:"file_size"`
	ReadBytes    int64  `json:"read_bytes"`
	SingleBytes  int64  `json:"read_single_bytes"`
	VectorBytes  int64  `json:"read_vector_bytes"`
	IPv6         bool   `json:"ipv6"`
	Start        int64  `json:"start_time"`
	End          int64  `json:"end_time"`
	Took         int64  `json:"operation_time"`
	Operation    string `json:"operation"`
	ServerSite   string `json:"server_site"`
	Protocol     string `json:"user_protocol,omitempty"`
	VO           string `json:"vo,omitempty"`
	WriteBytes   int64  `json:"write_bytes"`
	wlcgCounts
	Experiment string       `json:"experiment,omitempty"`
	Activity   string       `json:"activity,omitempty"`
	CrabID     string       `json:"CRAB_Id,omitempty"`
	CrabRetry  string       `json:"CRAB_Retry,omitempty"`
	CrabFlow   string       `json:"CRAB_Workflow,omitempty"`
	Metadata   wlcgMetadata `json:"metadata"`
	ours
}

// wlcgCounts are those of goCounts that are not told under another name.
type wlcgCounts struct {
	ReadAverage   int64   `json:"read_average,omitempty"`
	ReadAtClose   int64   `json:"read_bytes_at_close,omitempty"`
	ReadMax       int64   `json:"read_max,omitempty"`
	ReadMin       int64   `json:"read_min,omitempty"`
	ReadOps       int64   `json:"read_operations,omitempty"`
	SingleAverage int64   `json:"read_single_average,omitempty"`
	SingleMax     int64   `json:"read_single_max,omitempty"`
	SingleMin     int64   `json:"read_single_min,omitempty"`
	SingleOps     int64   `json:"read_single_operations,omitempty"`
	VectorAverage int64   `json:"read_vector_average,omitempty"`
	CountAverage  float64 `json:"read_vector_count_average,omitempty"`
	CountMax      int64   `json:"read_vector_count_max,omitempty"`
	CountMin      int64   `json:"read_vector_count_min,omitempty"`
	VectorMax     int64   `json:"read_vector_max,omitempty"`
	VectorMin     int64   `json:"read_vector_min,omitempty"`
	VectorOps     int64   `json:"read_vector_operations,omitempty"`
	WriteAverage  int64   `json:"write_average,omitempty"`
	WriteAtClose  int64   `json:"write_bytes_at_close,omitempty"`
	WriteMax      int64   `json:"write_max,omitempty"`
	WriteMin      int64   `json:"write_min,omitempty"`
	WriteOps      int64   `json:"write_operations,omitempty"`
}

// wlcgMetadata is what MONIT wants to know of a document.
type wlcgMetadata struct {
	Producer  string `json:"producer"`
	Type      string `json:"type"`
	Timestamp int64  `json:"timestamp"` // Unix milliseconds: of the end of the transfer
	Prefix    string `json:"type_prefix"`
	Host      string `json:"host"`
	ID        string `json:"_id"`
}

func asWLCG(t *transfer.Transfer, by Producer) *wlcgRecord {
	g := asGo(t)
	id := uniqueID(t)
	r := &wlcgRecord{
		Site: g.Site, Fallback: true, UserDN: g.UserDN, User: commonName(g.UserDN), ClientHost: g.Host, ClientDomain: g.UserDomain,
		ServerHost: g.ServerHostname, ServerDomain: domain(g.ServerHostname), ServerIP: g.ServerIP, UniqueID: id,
		LFN: g.Filename, Size: g.Filesize, ReadBytes: t.Bytes.Read + t.Bytes.ReadV, SingleBytes: t.Bytes.Read,
		VectorBytes: t.Bytes.ReadV, IPv6: g.IPv6, Start: g.Start, End: g.End, Took: g.Took, Operation: operation(t),
		ServerSite: g.Site, Protocol: g.Protocol, VO: g.VO, WriteBytes: t.Bytes.Write, wlcgCounts: asWLCGCounts(&g.goCounts),
		Experiment: g.Experiment, Activity: g.Activity,
		Metadata: wlcgMetadata{by.Producer, by.Type, g.End * 1000, "raw", by.Host, id},
		ours:     g.ours,
	}
	r.CrabID, r.CrabFlow, r.CrabRetry = crab(t.AppInfo)
	return r
}

func asWLCGCounts(c *goCounts) wlcgCounts {
	return wlcgCounts{
		ReadAverage: c.ReadAverage, ReadAtClose: c.ReadBytesAtClose, ReadMax: c.ReadMax, ReadMin: c.ReadMin, ReadOps: c.ReadOps,
		SingleAverage: c.SingleAverage, SingleMax: c.SingleMax, SingleMin: c.SingleMin, SingleOps: c.SingleOps,
		VectorAverage: c.VectorAverage, CountAverage: c.CountAverage, CountMax: c.CountMax, CountMin: c.CountMin,
		VectorMax: c.VectorMax, VectorMin: c.VectorMin, VectorOps: c.VectorOps,
		WriteAverage: c.WriteAverage, WriteAtClose: c.WriteAtClose, WriteMax: c.WriteMax, WriteMin: c.WriteMin, WriteOps: c.WriteOps,
	}
}

// uniqueID returns the UUID of a transfer (RFC 9562 version 5): the same in every
// revision, so that where documents are kept by it, a later one takes the place of an
// earlier one.
func uniqueID(t *transfer.Transfer) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("tallystick "+t.ID)).String()
}

func operation(t *transfer.Transfer) string {
	switch {
	case t.Bytes.Read > 0 || t.Bytes.ReadV > 0:
		return "read"
	case t.Bytes.Write > 0:
		return "write"
	}
	return "unknown"
}

// commonName returns what is behind the last CN= of a distinguished name.
func commonName(dn string) string {
	i := strings.LastIndex(dn, "CN=")
	if i < 0 {
		return ""
	}
	return dn[i+len("CN="):]
}

// crab takes apart what CMS's CRAB sets as app info: job_URL/workflow_retry, in which
// the workflow may have underscores too.
func crab(info string) (id, workflow, retry string) {
	first, last := strings.IndexByte(info, '_'), strings.LastIndexByte(info, '_')
	if first < 0 || first == last {
		return "", "", ""
	}
	url := info[first+1 : last]
	slash := strings.LastIndexByte(url, '/')
	if slash < 0 {
		return "", "", ""
	}
	return info[:first], url[slash+1:], info[last+1:]
}
