package record

import (
	"cmp"
	"time"

	"tallystick/internal/transfer"
)

// A goRecord is one of the Go collector. Its order is theirs.
type goRecord struct {
	Timestamp      time.Time `json:"@timestamp"`
	Start          int64     `json:"start_time"`
	End            int64     `json:"end_time"`
	Took           int64     `json:"operation_time"`
	ServerID       string    `json:"serverID"`
	ServerHostname string    `json:"server_hostname"`
	Server         string    `json:"server"`
	ServerIP       string    `json:"server_ip"`
	Site           string    `json:"site"`
	User           string    `json:"user"`
	UserDN         string    `json:"user_dn"`
	UserDomain     string    `json:"user_domain,omitempty"`
	VO             string    `json:"vo,omitempty"`
	Host           string    `json:"host"`
	TokenSubject   string    `json:"token_subject,omitempty"`
	TokenUsername  string    `json:"token_username,omitempty"`
	TokenOrg       string    `json:"token_org,omitempty"`
	TokenRole      string    `json:"token_role,omitempty"`
	TokenGroups    string    `json:"token_groups,omitempty"`
	Experiment     string    `json:"experiment,omitempty"`
	Activity       string    `json:"activity,omitempty"`
	Filename       string    `json:"filename"`
	Dirname1       string    `json:"dirname1"`
	Dirname2       string    `json:"dirname2"`
	LogicalDirname string    `json:"logical_dirname"`
	Protocol       string    `json:"protocol"`
	AppInfo        string    `json:"appinfo"`
	IPv6           bool      `json:"ipv6"`
	Filesize       int64     `json:"filesize"`
	goCounts
	Closed int `json:"HasFileCloseMsg"`
	ours
}

// goCounts are the numbers of a goRecord: reads are plain ones, without vector reads.
type goCounts struct {
	ReadOps          int64   `json:"read_operations"`
	SingleOps        int64   `json:"read_single_operations"`
	VectorOps        int64   `json:"read_vector_operations"`
	WriteOps         int64   `json:"write_operations"`
	Read             int64   `json:"read"`
	SingleBytes      int64   `json:"read_single_bytes"`
	ReadV            int64   `json:"readv"`
	Write            int64   `json:"write"`
	ReadMin          int64   `json:"read_min"`
	ReadMax          int64   `json:"read_max"`
	ReadAverage      int64   `json:"read_average"`
	SingleMin        int64   `json:"read_single_min"`
	SingleMax        int64   `json:"read_single_max"`
	SingleAverage    int64   `json:"read_single_average"`
	VectorMin        int64   `json:"read_vector_min"`
	VectorMax        int64   `json:"read_vector_max"`
	VectorAverage    int64   `json:"read_vector_average"`
	WriteMin         int64   `json:"write_min"`
	WriteMax         int64   `json:"write_max"`
	WriteAverage     int64   `json:"write_average"`
	CountMin         int64   `json:"read_vector_count_min"`
	CountMax         int64   `json:"read_vector_count_max"`
	CountAverage     float64 `json:"read_vector_count_average"`
	ReadBytesAtClose int64   `json:"read_bytes_at_close"`
	WriteAtClose     int64   `json:"write_bytes_at_close"`
}

func asGo(t *transfer.Transfer) *goRecord {
	start, end := times(t)
	ip, _ := address(t)
	who := identityOf(t)
	r := &goRecord{
		Timestamp: time.Unix(end, 0).UTC(), Start: start, End: end, Took: end - start,
		ServerID: serverID(t, ":"), ServerHostname: hostname(t), Server: ip, ServerIP: ip, Site: t.Site,
		User: cmp.Or(t.User, "0"), UserDN: who.name, UserDomain: clientDomain(t), VO: who.vo, Host: cmp.Or(clientHost(t), "unknown"),
		TokenSubject: who.token.Subject, TokenUsername: who.token.User, TokenOrg: who.token.Org,
		TokenRole: who.token.Role, TokenGroups: who.token.Groups,
		Experiment: who.experiment, Activity: who.activity,
		Filename: t.Path, Protocol: cmp.Or(t.Protocol, "unknown"), AppInfo: t.AppInfo, IPv6: isIPv6(t),
		Filesize: max(t.Size, 0), goCounts: asGoCounts(t), Closed: closeSeen(t), ours: asOurs(t),
	}
	r.Dirname1, r.Dirname2, r.LogicalDirname = unknownDirectory, unknownDirectory, unknownDirectory
	if t.Path != "" && t.Path != "/" {
		r.Dirname1, r.Dirname2, r.LogicalDirname = directories(t.Path)
	}
	return r
}

func asGoCounts(t *transfer.Transfer) goCounts {
	var o transfer.Ops
	if t.Ops != nil {
		o = *t.Ops
	}
	d, b := detailOf(t), t.Bytes
	single := int64(average(b.Read, o.Read))
	return goCounts{
		ReadOps: o.Read, SingleOps: o.Read, VectorOps: o.ReadV, WriteOps: o.Write,
		Read: b.Read, SingleBytes: b.Read, ReadV: b.ReadV, Write: b.Write,
		ReadMin: d.read.least, ReadMax: d.read.most, ReadAverage: single,
		SingleMin: d.read.least, SingleMax: d.read.most, SingleAverage: single,
		VectorMin: d.readv.least, VectorMax: d.readv.most, VectorAverage: int64(average(b.ReadV, o.ReadV)),
		WriteMin: d.write.least, WriteMax: d.write.most, WriteAverage: int64(average(b.Write, o.Write)),
		CountMin: d.segments.least, CountMax: d.segments.most, CountAverage: average(o.ReadVSegments, o.ReadV),
		ReadBytesAtClose: b.Read, WriteAtClose: b.Write,
	}
}
