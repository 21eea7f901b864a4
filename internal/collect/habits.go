package collect

import (
	"time"

	"tallystick/internal/xrootd"
)

// observe notes how the server sends the datagram at hand, which came then and has n
// bytes.
func (l *life) observe(came instant, g *xrootd.Datagram, n int) {
	h := &l.Saw.Habits
	at := came.Unix()
	if h.First == 0 || at < h.First { // one queue may be longer than another
		h.First = at
	}
	l.Saw.Heard = max(l.Saw.Heard, at)
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
			l.observeIdent(came)
		}
	}
}

func (l *life) observeIdent(came instant) {
	if gap := came.Sub(l.Ident); !l.Ident.IsZero() && gap > 0 {
		l.Saw.IdentEvery = max(l.Saw.IdentEvery, int64(gap/time.Second))
	}
	if came > l.Ident {
		l.Ident = came
	}
}
