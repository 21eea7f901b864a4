package collect_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/metric"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// lose leaves out the share p of as, at random.
func lose(as []arrival, p float64, seed uint64) []arrival {
	rng := rand.New(rand.NewPCG(seed, 2))
	var out []arrival
	for _, a := range as {
		if rng.Float64() >= p {
			out = append(out, a)
		}
	}
	return out
}

// closes returns the close records in as by the ID of their transfer.
func closes(t *testing.T, as []arrival) map[string]xrootd.FileRecord {
	t.Helper()
	out := map[string]xrootd.FileRecord{}
	var d xrootd.Datagram
	for _, a := range as {
		if err := d.Decode(a.Data); err != nil {
			t.Fatal(err)
		}
		for _, r := range d.File.Records {
			if r.Type == xrootd.FileClose {
				out[fmt.Sprintf("%d.%d.%d", d.File.SID, d.Header.Stod, r.ID)] = r
			}
		}
	}
	return out
}

// Of what arrives of a lossy stream nothing is told wrongly: a transfer whose
// close came has the bytes of it, none has more than it really had, each byte is
// in the samples once, and in the end every transfer has ended.
func TestLoss(t *testing.T) {
	for _, name := range captures() {
		t.Run(name, func(t *testing.T) {
			as := arrivals(load(t, name))
			truth := playToTheEnd(t, as)
			for seed := range uint64(12) {
				left := lose(as, 0.05+0.025*float64(seed), seed)
				if len(left) == 0 {
					continue
				}
				got := playToTheEnd(t, jumble(double(left, seed), seed))
				checkLoss(t, truth, got, closes(t, left))
			}
		})
	}
}

// playToTheEnd is play, and some days of silence.
func playToTheEnd(t *testing.T, as []arrival) *recorder {
	t.Helper()
	r := newRecorder()
	c := collect.New(collect.Default(), r)
	feed(t, c, as)
	now := as[len(as)-1].at
	for range 100 {
		now = now.Add(time.Hour)
		c.Advance(now)
	}
	if s := c.Stats(); s.Held != 0 {
		t.Errorf("after four silent days: %+v", s)
	}
	return r
}

func checkLoss(t *testing.T, truth, got *recorder, closes map[string]xrootd.FileRecord) {
	t.Helper()
	var sum transfer.Bytes
	for id, tr := range got.transfers {
		sum = sum.Plus(tr.Bytes)
		want := truth.transfers[id]
		if want == nil {
			t.Errorf("transfer %s never was", id)
			continue
		}
		if tr.End == transfer.Open {
			t.Errorf("transfer %s is still open", id)
		}
		if more := tr.Bytes.Minus(want.Bytes); more.Read > 0 || more.ReadV > 0 || more.Write > 0 {
			t.Errorf("transfer %s: got %v, more than the %v that there were", id, tr.Bytes, want.Bytes)
		}
		if tr.Path != "" && tr.Path != want.Path || tr.User != "" && tr.User != want.User {
			t.Errorf("transfer %s: got %s of %s, want %s of %s", id, tr.Path, tr.User, want.Path, want.User)
		}
	}
	for id, r := range closes {
		tr := got.transfers[id]
		if want := (transfer.Bytes{Read: r.Read, ReadV: r.ReadV, Write: r.Write}); tr == nil || tr.Bytes != want || !tr.Closed.Known() {
			t.Errorf("transfer %s, whose close came: got %+v, want %v", id, tr, want)
		}
	}
	samples := transfer.Bytes{
		Read: total(got, metric.XrdReadBytes), ReadV: total(got, metric.XrdReadVBytes), Write: total(got, metric.XrdWriteBytes),
	}
	if samples != sum {
		t.Errorf("samples have %v, the transfers %v", samples, sum)
	}
	if n := total(got, metric.XrdCloses); n != int64(len(closes)) {
		t.Errorf("samples have %d closes, of %d that came", n, len(closes))
	}
}

func total(r *recorder, metric string) (n int64) {
	for s, v := range r.samples {
		if s.Metric == metric {
			n += int64(v)
		}
	}
	return n
}
