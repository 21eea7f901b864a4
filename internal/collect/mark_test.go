package collect_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// What packets are marked with, and whose token is used, is known of the files that
// were opened after it was told, in whatever order that comes.
func TestMarks(t *testing.T) {
	text := userText("alice")
	all := [][]byte{
		ident(stod), mapped('u', 1, stod, theUser, text+"\n"),
		mapped('U', 2, stod, 3, text+"\n&Uc=1&Ec=16&Ac=14"), mapped('T', 3, stod, 4, text+"\n&Uc=1&s=sub&n=nobody&o=cms&r=prod&g=g1"),
		mapped('U', 4, stod, 6, text+"\n&Uc=1&Ec=2&Ac=3"), mapped('T', 5, stod, 8, text+"\n&Uc=1&s=other"),
		mapped('U', 6, stod, 10, userText("bob")+"\n&Uc=11&Ec=9&Ac=9"), // of another session
		records(0, stod, stod+5, of(2, opened("/f")), of(2, closedRec(2, 0)), of(5, opened("/f")), of(5, closedRec(5, 0))),
		records(1, stod+5, stod+10, of(7, opened("/f")), of(9, opened("/f")), of(12, opened("/f"))),
		records(2, stod+10, stod+15, closedRec(7, 0), closedRec(9, 0), closedRec(12, 0), disc()),
	}
	type marks struct {
		Experiment, Activity int
		Token                transfer.Token
	}
	first := transfer.Token{Subject: "sub", User: "nobody", Org: "cms", Role: "prod", Groups: "g1"}
	want := map[string]marks{
		"2": {}, "5": {16, 14, first}, "7": {2, 3, first}, "9": {2, 3, transfer.Token{Subject: "other"}},
		"12": {2, 3, transfer.Token{Subject: "other"}},
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		r := newRun(t, collect.Default())
		for _, d := range append(all, all[2], all[3]) {
			if err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); err != nil {
				t.Fatal(err)
			}
		}
		r.Collector = restored(t, r.Collector, r.recorder, r.now)
		r.pass(time.Hour)
		got := map[string]marks{}
		for id, tr := range r.transfers {
			m := marks{Experiment: tr.Experiment, Activity: tr.Activity}
			if tr.Token != nil {
				m.Token = *tr.Token
			}
			got[id[strings.LastIndexByte(id, '.')+1:]] = m
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("marks by file (-want +got):\n%s", d)
		}
		r.pass(100 * time.Hour)
		if s := r.Stats(); s.Held != 0 {
			t.Fatalf("in the end %+v is held", s)
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
}

// of gives a record another file.
func of(file byte, r []byte) []byte {
	r[7] = file
	return r
}

// Marks that say nothing are errors, and of many the newest stay.
func TestMarksAreChecked(t *testing.T) {
	r := begun(t)
	for _, code := range []byte{'U', 'T'} {
		err := r.Packet(r.now, collect.Packet{Remote: "192.0.2.1:4711", Data: mapped(code, 9, stod, 90, userText("alice")+"\n&Uc=x")})
		if bad := new(xrootd.Error); !errors.As(err, &bad) || bad.Reason != xrootd.ReasonField {
			t.Errorf("%c: got %v, want an error of a field", code, err)
		}
	}
	held := r.Stats().Held
	for i := range uint32(1000) {
		r.feed(mapped('T', int(i), stod, 100+i, userText("alice")+"\n&Uc=1&s="+fmt.Sprintf("%300d", i)))
		r.feed(mapped('U', int(i), stod, 2000+i, userText("alice")+"\n&Uc=1&Ec=1&Ac=1"))
	}
	if s := r.Stats(); s.Held > held+20 {
		t.Errorf("a session with 1000 tokens holds %d, before %d", s.Held, held)
	}
}
