package collect

import (
	"slices"
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A flow is a U record: what the packets of a session are marked with from its own
// place in the order of ids on, like an i record.
type flow struct {
	ID                   uint32
	Experiment, Activity int
}

// A token is a T record: the token that a session uses from there on.
type token struct {
	ID                               uint32
	Subject, User, Org, Role, Groups raw
}

func (f *flow) id() uint32  { return f.ID }
func (t *token) id() uint32 { return t.ID }

func (t *token) size() int {
	return len(t.Subject) + len(t.User) + len(t.Org) + len(t.Role) + len(t.Groups)
}

// maxMarks is how many U and T records one session may have at a time; servers send
// one of each.
const maxMarks = 8

// placeOf returns where in all, which is in the order of ids, id belongs, and whether
// it is there.
func placeOf[M any](all []M, id uint32, idOf func(*M) uint32) (int, bool) {
	i := 0
	for i < len(all) && idOf(&all[i]) < id { // few
		i++
	}
	return i, i < len(all) && idOf(&all[i]) == id
}

// marksFor returns what holds for the file with that id.
func (u *user) marksFor(file uint32) (f flow, t token) {
	if i, _ := placeOf(u.Flows, file, (*flow).id); i > 0 {
		f = u.Flows[i-1]
	}
	if i, _ := placeOf(u.Tokens, file, (*token).id); i > 0 {
		t = u.Tokens[i-1]
	}
	return f, t
}

// flow takes a U record.
func (c *Collector) flow(now instant, l *life, m *xrootd.Map) error {
	in, err := xrootd.ParseFlow(m.Rest)
	if err != nil {
		return err
	}
	u, err := c.user(now, l, in.User)
	if err != nil {
		return err
	}
	i, known := placeOf(u.Flows, m.DictID, (*flow).id)
	if known {
		return nil
	}
	u.Flows = slices.Insert(u.Flows, i, flow{m.DictID, in.Experiment, in.Activity})
	if len(u.Flows) > maxMarks {
		u.Flows = slices.Delete(u.Flows, 0, 1)
	}
	return nil
}

// token takes a T record.
func (c *Collector) token(now instant, l *life, m *xrootd.Map) error {
	in, err := xrootd.ParseToken(m.Rest)
	if err != nil {
		return err
	}
	u, err := c.user(now, l, in.User)
	if err != nil {
		return err
	}
	clone := func(s string) raw { return raw(strings.Clone(s)) }
	t := token{m.DictID, clone(in.Subject), clone(in.Name), clone(in.VO), clone(in.Role), clone(in.Groups)}
	i, known := placeOf(u.Tokens, t.ID, (*token).id)
	if known {
		return nil
	}
	if !c.room(weigh(t.size())) {
		return ErrFull
	}
	u.Tokens = slices.Insert(u.Tokens, i, t)
	if len(u.Tokens) > maxMarks {
		c.size -= weigh(u.Tokens[0].size())
		u.Tokens = slices.Delete(u.Tokens, 0, 1)
	}
	return nil
}

// marksWeight is what the tokens of u count against Config.Max.
func (u *user) marksWeight() (n int) {
	for i := range u.Tokens {
		n += weigh(u.Tokens[i].size())
	}
	return n
}

// tell puts t into x.
func (t *token) tell(x *transfer.Transfer) {
	if t.ID == 0 {
		return
	}
	x.Token = &transfer.Token{
		Subject: string(t.Subject), User: string(t.User), Org: string(t.Org), Role: string(t.Role), Groups: string(t.Groups),
	}
}
