package collect

import (
	"time"

	"tallystick/internal/xrootd"
)

// observe notes how the server sends the datagram at hand, which has n bytes.
func (l *life) observe(now time.Time, g *xrootd.Datagram, n int) {
	h := &l.Saw.Habits
	if h.First == 0 {
		h.First = now.Unix()
	}
	size := int64(n)
	switch g.Kind {
	case xrootd.KindFile:
		h.LongestFile = max(h.LongestFile, size)
	case xrootd.KindTrace:
		h.LongestTrace = max(h.LongestTrace, size)
	case xrootd.KindGStream:
		h.LongestGStream = max(h.LongestGStream, size)
	case xrootd.KindMap:
		if g.Header.Code == '=' && !g.Header.Text {
			l.observeIdent(now)
		}
	}
}

func (l *life) observeIdent(now time.Time) {
	if gap := now.Sub(l.Ident); !l.Ident.IsZero() && gap > 0 {
		l.Saw.IdentEvery = max(l.Saw.IdentEvery, int64(gap/time.Second))
	}
	if now.After(l.Ident) {
		l.Ident = now
	}
}
