package record

import (
	"strings"

	"tallystick/internal/transfer"
)

// A pythonRecord is one of the Python collector. What it does not know is not there.
type pythonRecord struct {
	Timestamp      int64   `json:"timestamp"` // Unix milliseconds, as the next two
	Start          int64   `json:"start_time"`
	End            int64   `json:"end_time"`
	Closed         int     `json:"HasFileCloseMsg"`
	Took           int64   `json:"operation_time"` // seconds
	ServerHostname string  `json:"server_hostname"`
	ServerIP       string  `json:"server_ip"`
	ServerID       string  `json:"serverID"`
	Server         string  `json:"server"`
	Site           string  `json:"site"`
	User           string  `json:"user,omitempty"`
	Host           string  `json:"host,omitempty"`
	UserDomain     string  `json:"user_domain,omitempty"`
	Protocol       string  `json:"protocol,omitempty"`
	IPv6           *bool   `json:"ipv6,omitempty"`
	UserDN         string  `json:"user_dn,omitempty"`
	VO             string  `json:"vo,omitempty"`
	AppInfo        string  `json:"appinfo,omitempty"`
	Filename       string  `json:"filename"`
	Filesize       any     `json:"filesize"` // a number; the string -1 where the open record never came
	Dirname1       *string `json:"dirname1,omitempty"`
	Dirname2       *string `json:"dirname2,omitempty"`
	LogicalDirname string  `json:"logical_dirname"`
	Read           int64   `json:"read"`
	ReadV          int64   `json:"readv"`
	Write          int64   `json:"write"`
	*pythonOps             // nil where the server does not report operations
	ours
}

// pythonOps are the operations: reads are plain ones and vector reads together.
type pythonOps struct {
	ReadAverage   float64 `json:"read_average"`
	ReadAtClose   int64   `json:"read_bytes_at_close"`
	ReadMax       int64   `json:"read_max"`
	ReadMin       int64   `json:"read_min"`
	ReadOps       int64   `json:"read_operations"`
	SingleAverage float64 `json:"read_single_average"`
	SingleBytes   int64   `json:"read_single_bytes"`
	SingleMax     int64   `json:"read_single_max"`
	SingleMin     int64   `json:"read_single_min"`
	SingleOps     int64   `json:"read_single_operations"`
	VectorAverage float64 `json:"read_vector_average"`
	CountAverage  float64 `json:"read_vector_count_average"`
	CountMax      int64   `json:"read_vector_count_max"`
	CountMin      int64   `json:"read_vector_count_min"`
	VectorMax     int64   `json:"read_vector_max"`
	VectorMin     int64   `json:"read_vector_min"`
	VectorOps     int64   `json:"read_vector_operations"`
	WriteAverage  float64 `json:"write_average"`
	WriteAtClose  int64   `json:"write_bytes_at_close"`
	WriteMax      int64   `json:"write_max"`
	WriteMin      int64   `json:"write_min"`
	WriteOps      int64   `json:"write_operations"`
}

// missing is what a file is called whose open record and name never came.
const missing = "missing directory"

func asPython(t *transfer.Transfer) *pythonRecord {
	start, end := times(t)
	ip, _ := address(t)
	who := identityOf(t)
	r := &pythonRecord{
		Timestamp: end * 1000, Start: start * 1000, End: end * 1000, Closed: closeSeen(t), Took: end - start,
		ServerHostname: hostname(t), ServerIP: ip, ServerID: serverID(t, "#"), Server: ip, Site: pythonSite(t),
		User: t.User, Host: clientHost(t), UserDomain: clientDomain(t), Protocol: t.Protocol,
		UserDN: who.info, VO: who.vo, AppInfo: t.AppInfo,
		Filename: t.Path, Filesize: t.Size,
		Read: t.Bytes.Read, ReadV: t.Bytes.ReadV, Write: t.Bytes.Write,
		pythonOps: asPythonOps(t), ours: asOurs(t),
	}
	if t.Client != "" {
		six := isIPv6(t)
		r.IPv6 = &six
	}
	if t.Size < 0 {
		r.Filesize = "-1"
	}
	switch {
	case t.Path == "" && t.Size < 0:
		r.Filename, r.LogicalDirname = missing, missing
	case t.Path == "":
		r.Dirname1, r.Dirname2, r.LogicalDirname = new(string), new(string), unknownDirectory
	default:
		first, second, logical := directories(t.Path)
		r.Dirname1, r.Dirname2, r.LogicalDirname = &first, &second, logical
	}
	return r
}

// pythonSite returns the site; a server without one is "unknown", in small letters.
func pythonSite(t *transfer.Transfer) string {
	if t.Site == unknownSite {
		return strings.ToLower(unknownSite)
	}
	return t.Site
}

// unknownSite is the site of servers that do not name theirs: collect.Unknown.
const unknownSite = "UNKNOWN"

func asPythonOps(t *transfer.Transfer) *pythonOps {
	if t.Ops == nil {
		return nil
	}
	o, b, d := t.Ops, t.Bytes, detailOf(t)
	reads := d.read.with(d.readv)
	return &pythonOps{
		ReadAverage: average(b.Read+b.ReadV, o.Read+o.ReadV), ReadAtClose: b.Read + b.ReadV,
		ReadMax: reads.most, ReadMin: reads.least, ReadOps: o.Read + o.ReadV,
		SingleAverage: average(b.Read, o.Read), SingleBytes: b.Read,
		SingleMax: d.read.most, SingleMin: d.read.least, SingleOps: o.Read,
		VectorAverage: average(b.ReadV, o.ReadV), CountAverage: average(o.ReadVSegments, o.ReadV),
		CountMax: d.segments.most, CountMin: d.segments.least,
		VectorMax: d.readv.most, VectorMin: d.readv.least, VectorOps: o.ReadV,
		WriteAverage: average(b.Write, o.Write), WriteAtClose: b.Write,
		WriteMax: d.write.most, WriteMin: d.write.least, WriteOps: o.Write,
	}
}
