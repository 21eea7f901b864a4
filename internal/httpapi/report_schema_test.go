package httpapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"tallystick/api"
	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/httpapi"
	"tallystick/internal/ledger"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// book is a ledger for what a collector tells.
type book struct{ *ledger.Ledger }

func (b book) Transfer(x *transfer.Transfer) { b.PutTransfer(x) }
func (book) Sample(collect.Sample)           {}
func (book) Server(collect.Server)           {}
func (b book) Loss(l transfer.Loss)          { b.PutLoss(l) }
func (b book) Life(l transfer.Life)          { b.PutLife(l) }
func (b book) Event(e transfer.Event)        { b.PutEvent(e) }
func (b book) Balance(n transfer.Balance)    { b.PutBalance(n) }

// reportOf is the report on a capture.
func reportOf(t *testing.T, name string) *validate.Report {
	t.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
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
	for _, x := range capture.Claims(name, c.Truth) {
		if _, err := l.PutClaim(x); err != nil {
			t.Fatal(err)
		}
	}
	return validate.Books(l, validate.Options{Now: float64(now.Unix() + 3600)})
}

// Ensure the report on each capture is as the contract says, to the last field.
func TestReportsAreOfTheContract(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(api.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas["Report"].Value
	names, err := os.ReadDir("../capture/testdata")
	if err != nil || len(names) == 0 {
		t.Fatal(err, len(names))
	}
	for _, d := range names {
		var b bytes.Buffer
		if err := httpapi.WriteReport(&b, "json", reportOf(t, d.Name())); err != nil {
			t.Fatal(err)
		}
		var report any
		if err := json.Unmarshal(b.Bytes(), &report); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(report, openapi3.MultiErrors()); err != nil {
			t.Errorf("%s: %.2000v", d.Name(), err)
		}
	}
}
