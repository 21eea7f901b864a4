package report_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/ledger"
	"tallystick/internal/report"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// pair returns a claim of a read of 100 bytes, and the transfer that tells as many.
func pair(i int) (*transfer.Claim, *transfer.Transfer) {
	at := int64(1795324700 + i)
	path := fmt.Sprintf("/store/f%d", i)
	c := &transfer.Claim{
		Run: "run", ID: strconv.Itoa(i), Client: "192.0.2.9", User: "alice", Server: "data.example:1094", Path: path,
		Asked: transfer.Bytes{Read: 100}, Received: &transfer.Bytes{Read: 100},
		Opened: float64(at), Closed: float64(at + 5), Outcome: transfer.OK,
	}
	x := &transfer.Transfer{
		ID: fmt.Sprintf("7.1.%d", i), Server: "data.example:1094", Address: "192.0.2.1:1094", Client: "192.0.2.9", User: "alice",
		Path: path, Opened: transfer.Interval{at, at}, Closed: transfer.Interval{at + 5, at + 5},
		Bytes: transfer.Bytes{Read: 100}, End: transfer.Closed, Quality: transfer.Exact,
	}
	return c, x
}

// made returns a report on n accesses, changed.
func made(n int, change func(i int, c *transfer.Claim, x *transfer.Transfer)) *validate.Report {
	var in validate.Input
	for i := range n {
		c, x := pair(i)
		change(i, c, x)
		in.Claims, in.Transfers = append(in.Claims, c), append(in.Transfers, x)
	}
	return validate.Run(in, validate.Options{})
}

// write returns the page of r, after a look at whether it is one that stands alone.
func write(t *testing.T, r *validate.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	alone(t, text)
	return text
}

// alone checks that a page is well-formed, has no script, and asks for nothing.
func alone(t *testing.T, page string) {
	t.Helper()
	void := []string{"meta", "link", "br", "img", "hr", "input"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		k := z.Token()
		for _, a := range k.Attr {
			if slices.Contains([]string{"src", "href", "onclick", "onload"}, a.Key) {
				t.Errorf("%s has %s=%q", k.Data, a.Key, a.Val)
			}
			if strings.Contains(a.Val, "NaN") || strings.Contains(a.Val, "Inf") || strings.Contains(a.Val, "ZgotmplZ") {
				t.Errorf("%s has %s=%q", k.Data, a.Key, a.Val)
			}
		}
		switch {
		case kind == html.StartTagToken && k.Data == "script":
			t.Error("the page has a script")
		case kind == html.StartTagToken && !slices.Contains(void, k.Data):
			open = append(open, k.Data)
		case kind == html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != k.Data {
				t.Fatalf("</%s> closes %v", k.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
	if z.Err() != io.EOF || len(open) > 0 { //nolint:errorlint // the tokenizer's own
		t.Errorf("the page ends with %v open: %v", open, z.Err())
	}
}

// Ensure that the first sentence is what the report comes to.
func TestHeadline(t *testing.T) {
	f := func(n int, change func(int, *transfer.Claim, *transfer.Transfer), grade, want string) {
		t.Helper()
		page := write(t, made(n, change))
		if want := fmt.Sprintf(`<p class="headline %s">%s`, grade, want); !strings.Contains(page, want) {
			_, rest, _ := strings.Cut(page, `<p class="headline`)
			t.Errorf("headline %.200q, want %q", rest, want)
		}
	}
	same := func(int, *transfer.Claim, *transfer.Transfer) {}
	f(3, same, "good", "Both accounts agree to the byte in all 3 accesses.")
	f(0, same, "fair", "No client claims anything")
	f(3, func(i int, c *transfer.Claim, x *transfer.Transfer) {
		if i == 1 {
			c.Asked.Read, x.Bytes.Read = 150, 150
		}
	}, "bad", "Both accounts agree in 2 of 3 accesses, and every difference has a known reason. The monitoring has 116.67 % of")
	f(3, func(i int, c *transfer.Claim, x *transfer.Transfer) {
		if i == 1 {
			c.Asked.Read, x.Bytes.Read = 101, 101
		}
	}, "fair", "Both accounts agree in 2 of 3 accesses, and every difference has a known reason.<")
	f(3, func(i int, _ *transfer.Claim, x *transfer.Transfer) { x.Bytes.Read = 100 + int64(i/2) }, "bad", "1 of 3 verdicts have no known reason.")
	f(1, func(_ int, _ *transfer.Claim, x *transfer.Transfer) { x.End = transfer.Open }, "fair", "Nothing is final yet.")
}

// Ensure that nothing that a client chooses changes the page, and no number breaks it.
func TestHostile(t *testing.T) {
	evil := `"><script>alert(1)</script>` + "\x00\x1b[2J\xff" + strings.Repeat("x", 3000)
	page := write(t, made(2, func(_ int, c *transfer.Claim, x *transfer.Transfer) {
		c.User, c.Client, c.Server, c.Run, c.ID, c.Error = evil, evil, evil, evil, evil, evil
		c.Path, x.Path, x.User, x.Site, x.Bytes.Read = evil, evil+"y", evil, evil, math.MaxInt64/4
		c.Outcome = transfer.Failed
	}))
	if strings.Contains(page, "<script") {
		t.Error("a script came through")
	}
	write(t, made(2, func(_ int, c *transfer.Claim, x *transfer.Transfer) {
		c.Opened, c.Closed = math.NaN(), math.Inf(1)
		x.Opened, x.Closed = transfer.Interval{}, transfer.Interval{0, math.MaxInt64}
		x.Bytes.Read = -5
	}))
	write(t, &validate.Report{})
}

// Ensure that a page has a bound, however many verdicts there are, and says what it
// leaves out; and that the alarm is first.
func TestMany(t *testing.T) {
	const n = 3000
	page := write(t, made(n, func(i int, c *transfer.Claim, x *transfer.Transfer) {
		c.Client, x.Client = fmt.Sprint("host", i), fmt.Sprint("host", i)
		if c.Asked.Read, x.Bytes.Read = 150, 150; i == n-1 {
			x.Bytes.Read = 99
		}
	}))
	if len(page) > 1<<20 {
		t.Errorf("%d bytes", len(page))
	}
	_, rows, _ := strings.Cut(page, "Accesses that are not exact")
	first := strings.Index(rows, "unexplained")
	if first < 0 || first > strings.Index(rows, "read-past-end") {
		t.Error("the unexplained one is not the first")
	}
	if !strings.Contains(rows, "and 2\u202f700 more") {
		t.Error("what is left out is not told")
	}
}

// Ensure that the clients with the most bytes have plots of their own, if there are
// several, and that it is told how many have none.
func TestPlotsOfClients(t *testing.T) {
	f := func(clients, plots int, rest string) {
		t.Helper()
		page := write(t, made(clients, func(i int, c *transfer.Claim, x *transfer.Transfer) {
			c.Client = fmt.Sprintf("host%03d", i)
			x.Client, c.Closed = c.Client, c.Opened+5
			x.Bytes.Read += int64(i)
		}))
		if got := strings.Count(page, `<div class="pair">`); got != plots || !strings.Contains(page, rest) {
			t.Errorf("%d clients: got %d plots, want %d and %q", clients, got, plots, rest)
		}
		if last := fmt.Sprintf("host%03d</h3>", clients-1); plots > 0 && !strings.Contains(page, last) {
			t.Errorf("%d clients: %s is not there, which has the most bytes", clients, last)
		}
	}
	f(1, 0, "")
	f(3, 3, "")
	f(150, 12, "and 138 more: the JSON")
}

// book is where a collector puts what it finds out.
type book struct{ *ledger.Ledger }

func (b book) Transfer(t *transfer.Transfer) { b.PutTransfer(t) }
func (book) Sample(collect.Sample)           {}
func (book) Server(collect.Server)           {}
func (b book) Loss(n transfer.Loss)          { b.PutLoss(n) }
func (b book) Life(n transfer.Life)          { b.PutLife(n) }
func (b book) Event(n transfer.Event)        { b.PutEvent(n) }
func (b book) Balance(n transfer.Balance)    { b.PutBalance(n) }

// Ensure that each capture makes a page. TALLYTEST_PAGES names a folder to look at them.
func TestCaptures(t *testing.T) {
	names, err := os.ReadDir("../capture/testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range names {
		c, err := capture.Load(os.DirFS("../capture/testdata"), d.Name())
		if err != nil {
			t.Fatal(err)
		}
		l := ledger.New(ledger.Config{})
		col := collect.New(collect.Default(), book{l})
		var now time.Time
		for _, p := range c.Packets {
			now = time.Unix(0, int64(p.Time*1e9))
			_ = col.Packet(now, collect.Packet{Remote: p.Remote, Data: p.Data}) // not all kinds are for it
		}
		col.Advance(now.Add(time.Hour))
		for _, x := range capture.Claims(d.Name(), c.Truth) {
			if _, err := l.PutClaim(x); err != nil {
				t.Fatal(err)
			}
		}
		page := write(t, validate.Books(l, validate.Options{Now: float64(now.Unix() + 3600)}))
		if dir := os.Getenv("TALLYTEST_PAGES"); dir != "" {
			if err := os.WriteFile(dir+"/"+d.Name()+".html", []byte(page), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
