package transfer

// The fields of a record that most transfers have nothing for are left out of its
// Native form where that is so: the schema has a null for them.

func (t *Transfer) putDetail(m map[string]any) {
	if t.Raw != nil {
		putOptionalBytes(m, "raw", t.Raw)
	}
	if t.OpsDetail != nil {
		t.OpsDetail.put(m)
	}
	if t.Trace != nil {
		t.Trace.put(m)
	}
	putProgress(m, t.Progress)
	putText(m, "client_version", t.ClientVersion)
	if t.IPv6 {
		m["ipv6"] = branch("boolean", true)
	}
	if a := t.Auth; a != nil {
		m["auth_protocol"] = branch("string", a.Protocol)
		putText(m, "auth_name", a.Name)
		putText(m, "auth_dn", a.DN)
		putText(m, "auth_vo", a.VO)
		putText(m, "auth_role", a.Role)
		putText(m, "auth_groups", a.Groups)
	}
	if k := t.Token; k != nil {
		m["token_subject"] = branch("string", k.Subject)
		putText(m, "token_user", k.User)
		putText(m, "token_org", k.Org)
		putText(m, "token_role", k.Role)
		putText(m, "token_groups", k.Groups)
	}
	if t.Experiment != 0 || t.Activity != 0 {
		putLong(m, "experiment", int64(t.Experiment))
		putLong(m, "activity", int64(t.Activity))
	}
}

func (d *OpsDetail) put(m map[string]any) {
	for name, r := range d.ranges() {
		putLong(m, "ops_detail_"+name+"_min", r.Min)
		putLong(m, "ops_detail_"+name+"_max", r.Max)
	}
	if d.Squares == nil {
		return
	}
	for name, x := range d.Squares.all() {
		m["ops_detail_squares_"+name] = branch("double", *x)
	}
}

func (d *OpsDetail) ranges() map[string]*Range {
	return map[string]*Range{"read": &d.Read, "readv": &d.ReadV, "segments": &d.Segments, "write": &d.Write}
}

func (s *Squares) all() map[string]*float64 {
	return map[string]*float64{"read": &s.Read, "readv": &s.ReadV, "segments": &s.Segments, "write": &s.Write}
}

func (t *Trace) put(m map[string]any) {
	putOptionalBytes(m, "trace_bytes", &t.Bytes)
	putLong(m, "trace_ops_read", t.Ops.Read)
	putLong(m, "trace_ops_readv", t.Ops.ReadV)
	putLong(m, "trace_ops_readv_segments", t.Ops.ReadVSegments)
	putLong(m, "trace_ops_write", t.Ops.Write)
	putLong(m, "trace_past_end", t.PastEnd)
	m["trace_complete"] = branch("boolean", t.Complete)
	if t.Totals != nil {
		putLong(m, "trace_totals_read", t.Totals.Read)
		putLong(m, "trace_totals_write", t.Totals.Write)
	}
}

func putText(m map[string]any, name, s string) {
	if s != "" {
		m[name] = branch("string", s)
	}
}

func putLong(m map[string]any, name string, n int64) { m[name] = branch("long", n) }

// detail sets the fields of t that putDetail writes.
func (r *record) detail(t *Transfer) {
	t.Progress = r.progress()
	if r.all("raw_read", "raw_readv", "raw_write") {
		b := r.bytes("raw")
		t.Raw = &b
	}
	t.OpsDetail, t.Trace = r.opsDetail(), r.trace()
	t.ClientVersion, t.IPv6 = r.text("client_version"), r.flag("ipv6")
	if r.value("auth_protocol") != nil {
		t.Auth = &Auth{
			Protocol: r.text("auth_protocol"), Name: r.text("auth_name"), DN: r.text("auth_dn"),
			VO: r.text("auth_vo"), Role: r.text("auth_role"), Groups: r.text("auth_groups"),
		}
	}
	if r.value("token_subject") != nil {
		t.Token = &Token{
			Subject: r.text("token_subject"), User: r.text("token_user"), Org: r.text("token_org"),
			Role: r.text("token_role"), Groups: r.text("token_groups"),
		}
	}
	t.Experiment, t.Activity = int(r.long("experiment")), int(r.long("activity"))
}

func (r *record) opsDetail() *OpsDetail {
	if !r.all("ops_detail_read_min", "ops_detail_read_max", "ops_detail_write_max") {
		return nil
	}
	d := new(OpsDetail)
	for name, to := range d.ranges() {
		*to = Range{Min: r.long("ops_detail_" + name + "_min"), Max: r.long("ops_detail_" + name + "_max")}
	}
	if !r.all("ops_detail_squares_read", "ops_detail_squares_write") {
		return d
	}
	d.Squares = new(Squares)
	for name, to := range d.Squares.all() {
		*to = r.double("ops_detail_squares_" + name)
	}
	return d
}

func (r *record) trace() *Trace {
	if !r.all("trace_bytes_read", "trace_past_end", "trace_complete") {
		return nil
	}
	t := &Trace{
		Bytes: r.bytes("trace_bytes"),
		Ops: Ops{
			Read: r.long("trace_ops_read"), ReadV: r.long("trace_ops_readv"),
			ReadVSegments: r.long("trace_ops_readv_segments"), Write: r.long("trace_ops_write"),
		},
		PastEnd: r.long("trace_past_end"), Complete: r.flag("trace_complete"),
	}
	if r.all("trace_totals_read", "trace_totals_write") {
		t.Totals = &Totals{Read: r.long("trace_totals_read"), Write: r.long("trace_totals_write")}
	}
	return t
}
