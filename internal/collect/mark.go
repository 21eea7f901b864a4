package collect

import (
	"cmp"
	"slices"
	"strings"
	"time"

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

func (f flow) id() uint32  { return f.ID }
func (t token) id() uint32 { return t.ID }

func (t *token) size() int {
	return len(t.Subject) + len(t.User) + len(t.Org) + len(t.Role) + len(t.Groups)
}

// maxMarks is how many U and T records one session may have at a time; servers send
// one of each.
const maxMarks = 8

// A mark is a record that holds for the files with larger ids.
type mark interface{ id() uint32 }

func compareMark[M mark](m M, id uint32) int { return cmp.Compare(m.id(), id) }

// insert adds m to all, in the order of ids, unless it is there. added is false then.
func insert[M mark](all []M, m M) (with []M, added bool) {
	i, known := slices.BinarySearchFunc(all, m.id(), compareMark[M])
	if known {
		return all, false
	}
	return slices.Insert(all, i, m), true
}

// inForce returns the last mark of all that stands before id.
func inForce[M mark](all []M, id uint32) (m M) {
	i, _ := slices.BinarySearchFunc(all, id, compareMark[M])
	if i > 0 {
		m = all[i-1]
	}
	return m
}

// flow takes a U record.
func (c *Collector) flow(now time.Time, l *life, m *xrootd.Map) error {
	in, err := xrootd.ParseFlow(m.Rest)
	if err != nil {
		return err
	}
	u, err := c.user(now, l, in.User)
	if err != nil {
		return err
	}
	all, added := insert(u.Flows, flow{m.DictID, in.Experiment, in.Activity})
	if !added {
		return nil
	}
	if len(all) > maxMarks {
		all = slices.Delete(all, 0, 1)
	}
	u.Flows = all
	return nil
}

// token takes a T record.
func (c *Collector) token(now time.Time, l *life, m *xrootd.Map) error {
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
	all, added := insert(u.Tokens, t)
	if !added {
		return nil
	}
	if !c.room(weigh(t.size())) {
		u.Tokens = slices.DeleteFunc(all, func(have token) bool { return have.ID == t.ID })
		return ErrFull
	}
	if len(all) > maxMarks {
		c.size -= weigh(all[0].size())
		all = slices.Delete(all, 0, 1)
	}
	u.Tokens = all
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
