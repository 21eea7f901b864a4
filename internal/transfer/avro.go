package transfer

import (
	"fmt"
	"math"
)

// The Native forms below are what Avro libraries for Go take for a record: a map
// from the field names of api/transfer.avsc and api/claim.avsc to values, where a
// value of a union is nil or a map from the branch's name to the value.
//
// A record that an older version wrote may lack fields that are optional here:
// they read as absent. One that a newer version wrote may have more: they are
// left alone.

// Native returns t as a record of the schema in api/transfer.avsc.
func (t *Transfer) Native() map[string]any {
	m := map[string]any{
		"id": t.ID, "site": t.Site, "server": t.Server, "address": t.Address,
		"version": optionalText(t.Version), "client": t.Client, "user": t.User, "pid": int64(t.PID),
		"protocol": optionalText(t.Protocol), "path": t.Path, "size": t.Size, "writable": t.Writable,
		"end": string(t.End), "quality": string(t.Quality),
		"app": optionalText(t.App), "app_info": optionalText(t.AppInfo), "mon_info": optionalText(t.MonInfo),
		"sequence": t.Sequence, "revision": t.Revision,
	}
	putInterval(m, "opened", t.Opened)
	putInterval(m, "closed", t.Closed)
	putBytes(m, "bytes", t.Bytes)
	putOps(m, t.Ops)
	t.putDetail(m)
	return m
}

// FromNative returns the transfer that Native made m of, or says which field
// cannot be one of a transfer.
func FromNative(m map[string]any) (*Transfer, error) {
	r := record{fields: m}
	t := &Transfer{
		ID: r.text("id"), Site: r.text("site"), Server: r.text("server"), Address: r.text("address"),
		Version: r.text("version"), Client: r.text("client"), User: r.text("user"), PID: int(r.long("pid")),
		Protocol: r.text("protocol"), Path: r.text("path"), Size: r.long("size"), Writable: r.flag("writable"),
		Opened: r.interval("opened"), Closed: r.interval("closed"), Bytes: r.bytes("bytes"), Ops: r.ops(),
		End: End(r.text("end")), Quality: Quality(r.text("quality")),
		App: r.text("app"), AppInfo: r.text("app_info"), MonInfo: r.text("mon_info"),
		Sequence: r.long("sequence"), Revision: r.long("revision"),
	}
	if r.value("size") == nil {
		t.Size = -1
	}
	r.detail(t)
	if t.Quality == upperBound {
		t.correct()
	}
	r.need("id")
	if r.err != nil {
		return nil, fmt.Errorf("transfer %q: %w", t.ID, r.err)
	}
	return t, nil
}

// upperBound is the quality that version 1 had for what Corrected is now, with the
// count as the server told it.
const upperBound Quality = "upper-bound"

func (t *Transfer) correct() {
	raw, ops := t.Bytes, int64(0)
	if t.Ops != nil {
		ops = t.Ops.Write
	}
	n, ok := PageBytes(raw.Write, ops)
	t.Raw, t.Quality = &raw, Corrected
	if !ok {
		n, t.Quality = FewestPageBytes(raw.Write, ops), LowerBound
	}
	t.Bytes.Write = n
}

// Native returns c as a record of the schema in api/claim.avsc.
func (c *Claim) Native() map[string]any {
	m := map[string]any{
		"run": c.Run, "id": c.ID, "client": optionalText(c.Client), "agent": optionalText(c.Agent),
		"user": optionalText(c.User), "pid": nil, "server": c.Server, "path": c.Path,
		"opened": c.Opened, "closed": nil, "outcome": string(c.Outcome), "error": optionalText(c.Error),
	}
	if c.PID != 0 {
		m["pid"] = branch("long", int64(c.PID))
	}
	if math.Float64bits(c.Closed) != 0 {
		m["closed"] = branch("double", c.Closed)
	}
	putBytes(m, "asked", c.Asked)
	putOptionalBytes(m, "received", c.Received)
	putOps(m, c.Ops)
	return m
}

// ClaimFromNative returns the claim that Native made m of, or says which field
// cannot be one of a claim.
func ClaimFromNative(m map[string]any) (*Claim, error) {
	r := record{fields: m}
	c := &Claim{
		Run: r.text("run"), ID: r.text("id"), Client: r.text("client"), Agent: r.text("agent"),
		User: r.text("user"), PID: int(r.long("pid")), Server: r.text("server"), Path: r.text("path"),
		Asked: r.bytes("asked"), Ops: r.ops(), Opened: r.double("opened"), Closed: r.double("closed"),
		Outcome: Outcome(r.text("outcome")), Error: r.text("error"),
	}
	if r.all("received_read", "received_readv", "received_write") {
		b := r.bytes("received")
		c.Received = &b
	}
	r.need("run", "id")
	if r.err != nil {
		return nil, fmt.Errorf("claim %q: %w", c.Key(), r.err)
	}
	return c, nil
}

func branch(name string, v any) any { return map[string]any{name: v} }

func optionalText(s string) any {
	if s == "" {
		return nil
	}
	return branch("string", s)
}

func putInterval(m map[string]any, name string, i Interval) {
	m[name+"_from"], m[name+"_to"] = nil, nil
	if i.Known() {
		m[name+"_from"], m[name+"_to"] = branch("long", i[0]), branch("long", i[1])
	}
}

func putBytes(m map[string]any, name string, b Bytes) {
	m[name+"_read"], m[name+"_readv"], m[name+"_write"] = b.Read, b.ReadV, b.Write
}

func putOptionalBytes(m map[string]any, name string, b *Bytes) {
	if b == nil {
		m[name+"_read"], m[name+"_readv"], m[name+"_write"] = nil, nil, nil
		return
	}
	m[name+"_read"] = branch("long", b.Read)
	m[name+"_readv"] = branch("long", b.ReadV)
	m[name+"_write"] = branch("long", b.Write)
}

func putOps(m map[string]any, o *Ops) {
	if o == nil {
		m["ops_read"], m["ops_readv"], m["ops_readv_segments"], m["ops_write"] = nil, nil, nil, nil
		return
	}
	m["ops_read"] = branch("long", o.Read)
	m["ops_readv"] = branch("long", o.ReadV)
	m["ops_readv_segments"] = branch("long", o.ReadVSegments)
	m["ops_write"] = branch("long", o.Write)
}

// A record reads fields until one is of the wrong type; err tells the first.
type record struct {
	fields map[string]any
	err    error
}

// value returns the value of a field, nil if it is null or not there.
func (r *record) value(name string) any {
	v := r.fields[name]
	if u, ok := v.(map[string]any); ok && len(u) == 1 {
		for _, v := range u {
			return v
		}
	}
	return v
}

func (r *record) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// need notes an error if one of the fields is null, empty or not there.
func (r *record) need(names ...string) {
	for _, name := range names {
		if v := r.value(name); v == nil || v == "" {
			r.fail(fmt.Errorf("no %s", name))
		}
	}
}

// all reports whether the fields are there. It is an error if only some are.
func (r *record) all(names ...string) bool {
	n := 0
	for _, name := range names {
		if r.value(name) != nil {
			n++
		}
	}
	if n != 0 && n != len(names) {
		r.fail(fmt.Errorf("%d of the %d fields %s to %s are null", len(names)-n, len(names), names[0], names[len(names)-1]))
	}
	return n == len(names)
}

// read stores the value of a field in to, and nothing if it is null or not there.
func read[T any](r *record, name string, to *T) {
	v := r.value(name)
	if v == nil {
		return
	}
	t, ok := v.(T)
	if !ok {
		r.fail(fmt.Errorf("%s is a %T, want a %T", name, v, *to))
	}
	*to = t
}

func (r *record) text(name string) (s string) {
	read(r, name, &s)
	return s
}

func (r *record) long(name string) (i int64) {
	read(r, name, &i)
	return i
}

func (r *record) double(name string) (x float64) {
	read(r, name, &x)
	return x
}

func (r *record) flag(name string) (b bool) {
	read(r, name, &b)
	return b
}

func (r *record) bytes(name string) Bytes {
	return Bytes{Read: r.long(name + "_read"), ReadV: r.long(name + "_readv"), Write: r.long(name + "_write")}
}

func (r *record) interval(name string) Interval {
	if !r.all(name+"_from", name+"_to") {
		return Interval{}
	}
	return Interval{r.long(name + "_from"), r.long(name + "_to")}
}

func (r *record) ops() *Ops {
	if !r.all("ops_read", "ops_readv", "ops_readv_segments", "ops_write") {
		return nil
	}
	return &Ops{
		Read: r.long("ops_read"), ReadV: r.long("ops_readv"),
		ReadVSegments: r.long("ops_readv_segments"), Write: r.long("ops_write"),
	}
}
