package validate

import (
	"cmp"
	"slices"
	"strings"

	"tallystick/internal/transfer"
)

// An Input is what is laid together, and what is known of how it came: why a
// difference is there can only be told by what was lost and by what the servers did.
type Input struct {
	Claims    []*transfer.Claim
	Transfers []*transfer.Transfer
	Losses    []transfer.Loss
	Lives     []transfer.Life
	Events    []transfer.Event
	Balances  []transfer.Balance
}

// A watch finds what is known of the servers.
type watch struct {
	slack     float64
	fresh     float64 // what ended at this Unix second or later may still have records on their way; 0: nobody knows
	lives     []*transfer.Life
	tolerance Tolerance
	byID      map[string]*transfer.Life
	byName    map[string][]*transfer.Life
	losses    map[string][]*transfer.Loss // by life
	all       []transfer.Loss
	anonymous map[string][]*account // by life
	alike     map[sameOpen]*crowd
	processes map[int][]*claim             // what each client process claims, by its number
	witnessed map[string][]*transfer.Event // by path
	balances  map[string]transfer.Balance  // by life, all of it together
}

func newWatch(in Input, o Options) *watch {
	w := &watch{
		slack: o.slack(), fresh: o.fresh(), tolerance: o.Tolerance, byID: make(map[string]*transfer.Life), byName: make(map[string][]*transfer.Life),
		losses: make(map[string][]*transfer.Loss), all: in.Losses,
	}
	for i := range in.Lives {
		w.addLife(&in.Lives[i])
	}
	slices.SortFunc(w.lives, compareLives)
	for i := range in.Losses {
		n := &in.Losses[i]
		w.losses[n.LifeID()] = append(w.losses[n.LifeID()], n)
	}
	for _, ns := range w.losses {
		slices.SortFunc(ns, func(a, b *transfer.Loss) int {
			return cmp.Or(cmp.Compare(a.Sent[0], b.Sent[0]), cmp.Compare(a.Sent[1], b.Sent[1]), cmp.Compare(a.Of, b.Of))
		})
	}
	w.witnessed, w.balances = witnessed(in.Events), balanced(in.Balances)
	return w
}

func witnessed(all []transfer.Event) map[string][]*transfer.Event {
	out := make(map[string][]*transfer.Event)
	for i := range all {
		path := transfer.CleanPath(all[i].Path)
		out[path] = append(out[path], &all[i])
	}
	return out
}

func balanced(all []transfer.Balance) map[string]transfer.Balance {
	out := make(map[string]transfer.Balance)
	for _, b := range all {
		id := (&transfer.Life{SID: b.SID, Stod: b.Stod}).ID()
		if had, ok := out[id]; ok {
			b = had.Plus(b)
		}
		out[id] = b
	}
	return out
}

// A sameOpen is what tells the accesses of one client to a file from those of others, as the server
// knows it.
type sameOpen struct {
	pid  int
	path string
}

// A crowd are the claims of one client to a file, from the first opened to the last that was over.
type crowd struct {
	claims   int
	from, to float64
}

func crowds(claims []*claim) map[sameOpen]*crowd {
	all := make(map[sameOpen]*crowd)
	for _, c := range claims {
		k := sameOpen{c.PID, c.path}
		if all[k] == nil {
			all[k] = &crowd{from: c.Opened, to: c.end}
		}
		in := all[k]
		in.claims++
		in.from, in.to = min(in.from, c.Opened), max(in.to, c.end)
	}
	return all
}

// tear notes which accounts are open only because packets were lost, maybe.
func (w *watch) tear(all []*account) {
	for _, a := range all {
		a.torn = a.End == transfer.Open && len(w.lost(a.lifeID(), a.begin, a.end, transfer.FilePackets, transfer.Records)) > 0
	}
}

// meet notes the accounts that may be anybody's, since nothing says who made them, or of
// which file they are, and which claims are alike.
func (w *watch) meet(claims []*claim, all []*account) {
	w.alike = crowds(claims)
	w.processes = make(map[int][]*claim)
	for _, c := range claims {
		w.processes[c.PID] = append(w.processes[c.PID], c)
	}
	w.anonymous = make(map[string][]*account)
	for _, a := range all {
		if a.User == "" && a.host == "" || a.owner == nil && a.Path == "" {
			w.anonymous[a.lifeID()] = append(w.anonymous[a.lifeID()], a)
		}
	}
}

func (w *watch) addLife(l *transfer.Life) {
	w.lives = append(w.lives, l)
	w.byID[l.ID()] = l
	names := []string{transfer.CleanServer(l.Server), transfer.CleanServer(l.Address)}
	for _, n := range slices.Compact(names) {
		w.byName[n] = append(w.byName[n], l)
		slices.SortFunc(w.byName[n], compareLives)
	}
}

func compareLives(a, b *transfer.Life) int {
	return cmp.Or(cmp.Compare(a.Stod, b.Stod), cmp.Compare(a.SID, b.SID), cmp.Compare(a.Server, b.Server))
}

// lifeID returns the ID of the life that a is of.
func (a *account) lifeID() string {
	i := strings.LastIndexByte(a.ID, '.')
	return a.ID[:max(i, 0)]
}

// lifeOf returns the life of a, nil if nothing is known of it.
func (w *watch) lifeOf(a *account) *transfer.Life { return w.byID[a.lifeID()] }

// during returns the lives of the server that c names, as far as they may have
// been while c was open. A server that never tells its name is known by its host
// alone; who names no server that is known may have been sent to any.
func (w *watch) during(c *claim) []*transfer.Life { return w.while(c, w.of(c)) }

// ledTo returns the lives that c may have come to: those of the server that it names, or if that
// opens no files but sends its clients on, of all.
func (w *watch) ledTo(c *claim) []*transfer.Life {
	of := w.of(c)
	if c.anywhere && all(of, manager) {
		of = w.lives
	}
	return w.while(c, of)
}

// manager reports whether l tells of sessions, and of no file in them.
func manager(l *transfer.Life) bool {
	return l.Discs > 0 && l.Opens+l.Closes+l.Names+l.Traced == 0
}

// while returns those of lives that may have been while c was open.
func (w *watch) while(c *claim, lives []*transfer.Life) []*transfer.Life {
	return slices.DeleteFunc(slices.Clone(lives), func(l *transfer.Life) bool {
		return c.end < float64(l.Stod)-w.slack || l.Next != 0 && c.Opened > float64(l.Next)+w.slack
	})
}

// of returns all lives of that server.
func (w *watch) of(c *claim) []*transfer.Life {
	of := w.byName[c.server]
	if of == nil {
		of = w.nameless(c.server)
	}
	if of == nil && c.anywhere {
		of = w.lives
	}
	return of
}

// known reports whether there is any life of the server that c names.
func (w *watch) known(c *claim) bool {
	return len(w.byName[c.server]) > 0 || len(w.nameless(c.server)) > 0
}

// nameless returns the lives at the host of server that tell no name.
func (w *watch) nameless(server string) (out []*transfer.Life) {
	for _, l := range w.lives {
		if l.Idents == 0 && host(transfer.CleanServer(l.Address)) == host(server) {
			out = append(out, l)
		}
	}
	return out
}

// host returns what is before the last colon.
func host(server string) string {
	if i := strings.LastIndexByte(server, ':'); i >= 0 {
		return server[:i]
	}
	return server
}

// lost returns what was lost of a life and sent in a range of time.
func (w *watch) lost(life string, from, to float64, of ...transfer.LossOf) (out []*transfer.Loss) {
	for _, n := range w.losses[life] {
		if float64(n.Sent[0]) <= to+w.slack && float64(n.Sent[1])+1 >= from-w.slack && slices.Contains(of, n.Of) {
			out = append(out, n)
		}
	}
	return out
}
