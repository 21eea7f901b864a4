package ledger

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"

	"tallystick/internal/transfer"
)

// A Filter selects transfers or claims; an empty field selects all.
type Filter struct {
	Run      string // claims only
	Site     string // transfers only
	Server   string // any name of the server, in any case; of a claim the one that it has
	Client   string
	User     string // also selects transfers whose user is its first 8 bytes: XRootD cuts it
	Path     string // slashes in front do not matter
	From, To int64  // Unix seconds: those that may have been open at some time in [From, To); 0 = no bound

	After Cursor // only what comes after it in order
	Limit int    // at most so many; 0 = all
}

// A Cursor is a place in the order of transfers or of claims. The zero Cursor
// is before everything.
type Cursor struct {
	opened float64
	id     string
}

// TransferCursor returns the place of t.
func TransferCursor(t *transfer.Transfer) Cursor {
	return Cursor{opened: float64(t.Opened[0]), id: t.ID}
}

// ClaimCursor returns the place of c.
func ClaimCursor(c *transfer.Claim) Cursor { return Cursor{opened: c.Opened, id: c.Key()} }

// errCursor is what ParseCursor says: the text is opaque to those who send it,
// so that no detail would help them.
var errCursor = errors.New("cursor is not one that was given out")

// String returns c as text that ParseCursor reads, fit for a URL. It is empty
// for the zero Cursor.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	text := strconv.FormatFloat(c.opened, 'g', -1, 64) + " " + c.id
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// ParseCursor returns the cursor that String made s of.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Cursor{}, errCursor
	}
	at, id, found := strings.Cut(string(text), " ")
	opened, err := strconv.ParseFloat(at, 64)
	if err != nil || !found || math.IsNaN(opened) {
		return Cursor{}, errCursor
	}
	return Cursor{opened: opened, id: id}, nil
}

// A query is a Filter made ready to be compared.
type query struct {
	Filter
	from, to float64
}

func newQuery(f Filter) *query {
	q := &query{Filter: f, from: math.Inf(-1), to: math.Inf(1)}
	q.Server, q.Client = transfer.CleanServer(f.Server), transfer.CleanHost(f.Client)
	if f.Path != "" {
		q.Path = transfer.CleanPath(f.Path)
	}
	if f.From != 0 {
		q.from = float64(f.From)
	}
	if f.To != 0 {
		q.to = float64(f.To)
	}
	return q
}

// transfer reports whether q selects t, its time aside.
func (q *query) transfer(t *transfer.Transfer) bool {
	return (q.Site == "" || q.Site == t.Site) &&
		(q.Server == "" || t.Named(q.Server)) &&
		q.client(t.Client) &&
		(q.User == "" || t.User != "" && transfer.SameUser(q.User, t.User)) &&
		q.path(t.Path)
}

// claim reports whether q selects c, its time aside.
func (q *query) claim(c *transfer.Claim) bool {
	return (q.Run == "" || q.Run == c.Run) &&
		(q.Server == "" || transfer.CleanServer(c.Server) == q.Server) &&
		q.client(c.Client) &&
		(q.User == "" || q.User == c.User) &&
		q.path(c.Path)
}

func (q *query) client(host string) bool {
	return q.Client == "" || transfer.CleanHost(host) == q.Client
}

func (q *query) path(p string) bool { return q.Path == "" || transfer.CleanPath(p) == q.Path }
