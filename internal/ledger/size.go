package ledger

import (
	"unsafe"

	"tallystick/internal/transfer"
)

// indexBytes is about what an entry costs besides its value: the entry itself,
// its place in the map, and a pointer in each of about five lists.
const indexBytes = 72 + 48 + 5*8

// transferBytes returns about how much memory t takes. Strings that several
// transfers share are counted with each.
func transferBytes(t *transfer.Transfer) int64 {
	n := indexBytes + int(unsafe.Sizeof(*t)) + len(t.ID) + len(t.Site) + len(t.Server) + len(t.Address) +
		len(t.Version) + len(t.Client) + len(t.User) + len(t.Protocol) + len(t.Path) +
		len(t.App) + len(t.AppInfo) + len(t.MonInfo)
	if t.Ops != nil {
		n += int(unsafe.Sizeof(*t.Ops))
	}
	return int64(n) + detailBytes(t)
}

func detailBytes(t *transfer.Transfer) int64 {
	n := len(t.ClientVersion) + cap(t.Progress)*int(unsafe.Sizeof(transfer.Point{}))
	if t.Raw != nil {
		n += int(unsafe.Sizeof(*t.Raw))
	}
	if d := t.OpsDetail; d != nil {
		n += int(unsafe.Sizeof(*d))
		if d.Squares != nil {
			n += int(unsafe.Sizeof(*d.Squares))
		}
	}
	if t.Trace != nil {
		n += int(unsafe.Sizeof(*t.Trace) + unsafe.Sizeof(transfer.Totals{}))
	}
	if a := t.Auth; a != nil {
		n += int(unsafe.Sizeof(*a)) + len(a.Protocol) + len(a.Name) + len(a.DN) + len(a.VO) + len(a.Role) + len(a.Groups)
	}
	if k := t.Token; k != nil {
		n += int(unsafe.Sizeof(*k)) + len(k.Subject) + len(k.User) + len(k.Org) + len(k.Role) + len(k.Groups)
	}
	return int64(n)
}

// claimBytes returns about how much memory c takes, with its key.
func claimBytes(c *transfer.Claim) int64 {
	n := indexBytes + int(unsafe.Sizeof(*c)) + 2*(len(c.Run)+len(c.ID)) + len(c.Client) + len(c.Agent) +
		len(c.User) + len(c.Server) + len(c.Path) + len(c.Error)
	if c.Received != nil {
		n += int(unsafe.Sizeof(*c.Received))
	}
	if c.Ops != nil {
		n += int(unsafe.Sizeof(*c.Ops))
	}
	return int64(n)
}
