package record

import (
	"strconv"
	"strings"

	"tallystick/internal/transfer"
)

// A detail is what is known of the operations of a transfer besides their counts.
type detail struct{ read, readv, segments, write extremes }

// detailOf returns what is known of t's operations, nothing where the server does not
// report them.
func detailOf(t *transfer.Transfer) detail {
	d := t.OpsDetail
	if d == nil {
		return detail{}
	}
	return detail{newExtremes(d.Read), newExtremes(d.ReadV), newExtremes(d.Segments), newExtremes(d.Write)}
}

// noMinimum is what XRootD has for the smallest of no operations (XROOTD.md fact 4).
const noMinimum = 1<<31 - 1

// extremes of what one operation moved. Those of page reads and writes are not known.
type extremes struct{ least, most int64 }

func newExtremes(r transfer.Range) extremes {
	if r.Min == noMinimum {
		return extremes{}
	}
	return extremes{r.Min, r.Max}
}

// with returns the extremes of both, of which one may be of no operation.
func (e extremes) with(f extremes) extremes {
	switch {
	case e == extremes{}:
		return f
	case f == extremes{}:
		return e
	}
	return extremes{min(e.least, f.least), max(e.most, f.most)}
}

// An identity is who made a transfer, besides the login name.
type identity struct {
	name       string // &n=, up to ::
	info       string // &m=, up to ::
	vo         string
	token      transfer.Token
	experiment string // codes of scitags, as text
	activity   string
}

// identityOf returns who made t, as far as the server tells.
func identityOf(t *transfer.Transfer) identity {
	who := identity{experiment: code(t.Experiment), activity: code(t.Activity)}
	if a := t.Auth; a != nil {
		who.vo = a.VO
		who.name, _, _ = strings.Cut(a.Name, "::")
		who.info, _, _ = strings.Cut(a.DN, "::")
	}
	if t.Token != nil {
		who.token = *t.Token
	}
	return who
}

// code returns a code of scitags, nothing for none.
func code(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
