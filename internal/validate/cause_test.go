package validate_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// A scene is one claim and one transfer of it, and what is known of their server: a
// life that tells all there is to tell.
type scene struct {
	claim  *transfer.Claim
	x      *transfer.Transfer // nil for none
	life   transfer.Life
	losses []transfer.Loss
	now    float64
	others []transfer.Life
}

// set returns a scene in which all is well.
func set() *scene {
	w := [2]int64{0, 9}
	return &scene{
		claim: readClaim("1", 1, 2, 100), x: read(1, w, w, 100),
		life: transfer.Life{
			SID: 77, Stod: 1, Server: "data.example:1094", Address: "192.0.2.1:1094", Last: 1060, Heard: 1060,
			Idents: 1, Logins: 1, Names: 1, Opens: 1, Closes: 1, Discs: 1, Named: 1, Counts: 1,
		},
	}
}

func (s *scene) run() *validate.Report {
	in := validate.Input{Claims: claims{s.claim}, Lives: append([]transfer.Life{s.life}, s.others...), Losses: s.losses}
	if s.x != nil {
		in.Transfers = transfers{s.x}
	}
	return validate.Run(in, validate.Options{Now: s.now})
}

// lose adds a loss of what was sent between two seconds after 1000.
func (s *scene) lose(of transfer.LossOf, from, to int64) {
	s.losses = append(s.losses, transfer.Loss{
		SID: 77, Stod: 1, Server: "data.example:1094", Of: of, Count: 1, Sent: transfer.Interval{1000 + from, 1000 + to},
	})
}

// Ensure that each cause is found, with its evidence, and not without.
func TestCauses(t *testing.T) {
	f := func(name string, change func(*scene), kind transfer.Kind, cause transfer.Cause, evidence ...string) {
		t.Helper()
		s := set()
		change(s)
		for _, v := range s.run().Verdicts {
			if v.Kind != kind {
				continue
			}
			if v.Cause != cause {
				t.Errorf("%s: %s, cause %q (%s), want %q", name, v.Kind, v.Cause, v.Detail, cause)
			} else if d := cmp.Diff(evidence, v.Evidence); d != "" {
				t.Errorf("%s: evidence (-want +got):\n%s", name, d)
			}
			return
		}
		t.Errorf("%s: no verdict is %s", name, kind)
	}
	none := func(change func(*scene)) func(*scene) {
		return func(s *scene) { s.x = nil; change(s) }
	}
	less := func(change func(*scene)) func(*scene) {
		return func(s *scene) { s.x.Bytes.Read = 60; change(s) }
	}
	more := func(change func(*scene)) func(*scene) {
		return func(s *scene) { s.x.Bytes.Read = 150; change(s) }
	}
	same := func(*scene) {}
	const (
		claim, file, life = "run.1", "77.1.1", "77.1"

		match, differ, missing, extra, failed = transfer.Match, transfer.Differ, transfer.Missing, transfer.Extra, transfer.Fail
	)

	f("equal", same, match, transfer.CauseExact, claim, file)
	f("less", less(same), differ, transfer.CauseUnexplained, claim, file)
	f("more", more(same), differ, transfer.CauseUnexplained, claim, file)
	f("nothing", none(same), missing, transfer.CauseUnexplained, claim)
	f("nobody's", func(s *scene) { s.x.User = "bob" }, extra, transfer.CauseExact, file)

	f("goes on", less(func(s *scene) { s.x.End, s.x.Closed = transfer.Open, transfer.Interval{} }), differ, transfer.StillOpen, file)
	f("goes on, nobody's", func(s *scene) { s.x.User, s.x.End = "bob", transfer.Open }, extra, transfer.StillOpen, file)

	running := func(s *scene) { s.x.End, s.x.Closed = transfer.Open, transfer.Interval{} }
	f("closed, not told yet", less(func(s *scene) { running(s); s.now = 1302 }), differ, transfer.StillOpen, file)
	f("closed long ago, and never told", less(func(s *scene) { running(s); s.now = 1303 }), differ, transfer.CauseUnexplained, claim, file)
	f("closed long ago, server silent", less(func(s *scene) { running(s); s.now, s.life.Last, s.life.Heard = 1303, 999, 999 }), differ, transfer.NotMonitored, file, life)
	f("closed long ago, the last packet lost", less(func(s *scene) { running(s); s.now, s.life.Last = 1303, 1000 }), differ, transfer.PacketsLost, file, life)
	f("nothing for long, the last packet lost", none(func(s *scene) { s.now, s.life.Last = 1303, 1000 }), missing, transfer.PacketsLost, life)
	silent := func(s *scene) { // no packet with files came
		s.now, s.life.Last, s.life.Opens, s.life.Closes, s.life.Named, s.life.Names = 1303, 0, 0, 0, 0, 0
	}
	before := set().life
	before.Stod, before.Next = 0, 1
	f("nothing of files, the only packet lost", none(func(s *scene) { silent(s); s.others = append(s.others, before) }), missing, transfer.PacketsLost, life, "77.0")
	f("nothing of files, as ever", none(func(s *scene) {
		silent(s)
		mute := before
		mute.Opens, mute.Closes, mute.Named, mute.Names = 0, 0, 0, 0
		s.others = append(s.others, mute)
	}), missing, transfer.NotMonitored, life)
	f("nothing of files, of another server", none(func(s *scene) {
		silent(s)
		other := before
		other.SID, other.Server, other.Address = 78, "x:1", "192.0.2.8:1"
		s.others = append(s.others, other)
	}), missing, transfer.NotMonitored, life)
	f("its name lost", func(s *scene) { s.x.Path = "" }, extra, transfer.PacketsLost, file, life)
	f("its name lost, of the claim", func(s *scene) { s.x.Path = "" }, missing, transfer.PacketsLost, file, life)
	f("no names at all", func(s *scene) { s.x.Path, s.life.Names, s.life.Named = "", 0, 0 }, missing, transfer.NotMonitored, life)
	f("nothing yet", none(func(s *scene) { s.now = 1302 }), missing, transfer.StillOpen, claim)
	f("nothing for long", none(func(s *scene) { s.now = 1303 }), missing, transfer.CauseUnexplained, claim)

	f("past the end", more(func(s *scene) { s.claim.Asked.Read = 150 }), differ, transfer.PastEnd, claim, file)
	f("past the end, more than asked for", more(func(s *scene) { s.claim.Asked.Read = 140 }), differ, transfer.CauseUnexplained, claim, file)
	f("past the end as the server shows", more(func(s *scene) {
		s.claim.Asked, s.x.Quality = transfer.Bytes{}, transfer.Requested
	}), differ, transfer.PastEnd, claim, file)
	f("past the end, nobody's", func(s *scene) { s.x.User, s.x.Quality = "bob", transfer.Requested }, extra, transfer.PastEnd, file)

	put := func(n int64, change func(*transfer.Transfer)) func(*scene) {
		return func(s *scene) {
			s.claim.Asked = transfer.Bytes{Write: 9000001}
			s.claim.Received = &s.claim.Asked
			s.x.Bytes = transfer.Bytes{Write: n}
			change(s.x)
		}
	}
	paged := func(x *transfer.Transfer) { x.Quality = transfer.Corrected }
	f("checksums taken off", put(9000001, paged), match, transfer.Checksums, file) // as measured: XROOTD.md fact 5
	f("checksums left", put(9008793, paged), differ, transfer.Checksums, file)
	f("more than checksums", put(9100001, paged), differ, transfer.CauseUnexplained, claim, file)
	f("no page writes", put(9008793, func(*transfer.Transfer) {}), differ, transfer.CauseUnexplained, claim, file)
	f("http", put(0, func(x *transfer.Transfer) { x.Protocol = "https" }), differ, transfer.HTTPPut, file)
	f("not http", put(0, func(*transfer.Transfer) {}), differ, transfer.CauseUnexplained, claim, file)

	killed := func(s *scene) { s.claim.Outcome, s.claim.Closed = transfer.Killed, 0 }
	forced := func(s *scene) { s.x.End, s.x.Quality, s.x.Protocol = transfer.Forced, transfer.LowerBound, "xroot" }
	blank := func(s *scene) { forced(s); s.x.Bytes, s.x.Quality = transfer.Bytes{}, transfer.Unknown }
	f("killed", less(func(s *scene) { killed(s); forced(s) }), failed, transfer.KilledClient, claim, file)
	f("killed, equal", func(s *scene) { killed(s); forced(s) }, failed, transfer.CauseExact, claim, file)
	f("killed before the open", none(func(s *scene) { killed(s); s.claim.Received = nil }), failed, transfer.KilledClient, claim)
	f("killed, without a word", none(killed), failed, transfer.CauseUnexplained, claim)
	f("connection cut", less(forced), differ, transfer.KilledClient, file)
	f("connection cut, more", more(forced), differ, transfer.CauseUnexplained, claim, file)
	f("connection cut, more by HTTP", more(func(s *scene) { forced(s); s.x.Protocol = "http" }), differ, transfer.KilledClient, file)
	f("connection cut, less by HTTP", less(func(s *scene) { forced(s); s.x.Protocol = "http" }), differ, transfer.CauseUnexplained, claim, file)
	f("connection cut, nothing counted", blank, missing, transfer.KilledClient, file)
	f("connection cut, nobody's", func(s *scene) { s.x.User = "bob"; blank(s) }, extra, transfer.KilledClient, file)

	erred := func(s *scene) { s.claim.Outcome, s.claim.Received = transfer.Failed, nil }
	f("open failed", none(func(s *scene) { erred(s); s.claim.Asked = transfer.Bytes{} }), failed, transfer.ClientFailed, claim)
	f("read failed", less(erred), failed, transfer.ClientFailed, claim, file)
	f("read failed, more than asked for", more(erred), failed, transfer.CauseUnexplained, claim, file)
	f("vector read refused", func(s *scene) { s.claim.Asked.ReadV, s.x.Bytes.ReadV = 50, 50 }, differ, transfer.ClientFailed, claim, file)
	again := func(ops, least int64) func(*scene) {
		return more(func(s *scene) {
			s.x.Bytes.Read = 100 + 2*4096
			s.x.Ops, s.x.OpsDetail = &transfer.Ops{Read: ops}, &transfer.OpsDetail{Read: transfer.Range{Min: least}}
		})
	}
	f("pages read again", again(3, math.MaxInt32), differ, transfer.ClientFailed, claim, file)
	f("more than pages read again", again(2, math.MaxInt32), differ, transfer.CauseUnexplained, claim, file)
	f("no whole pages read again", func(s *scene) { again(3, math.MaxInt32)(s); s.x.Bytes.Read-- }, differ, transfer.CauseUnexplained, claim, file)
	f("the last page read again", func(s *scene) {
		again(4, math.MaxInt32)(s)
		s.x.Bytes.Read, s.x.Size = s.x.Bytes.Read+100, 8292
	}, differ, transfer.ClientFailed, claim, file)
	f("pages read again, their close lost", func(s *scene) {
		again(0, 0)(s)
		s.x.Ops, s.x.OpsDetail, s.x.End, s.x.Trace = nil, nil, transfer.Lost, &transfer.Trace{Ops: transfer.Ops{Read: 3}}
	}, differ, transfer.ClientFailed, claim, file)
	f("no pages, read again", again(3, 1), differ, transfer.CauseUnexplained, claim, file)
	f("vector read of nobody", func(s *scene) { s.x.Bytes.ReadV = 50 }, differ, transfer.CauseUnexplained, claim, file)

	stopped := func(s *scene) { s.life.Last, s.life.Next = 1000, 1020 }
	cut := func(s *scene) { s.x.End, s.x.Quality = transfer.Lost, transfer.LowerBound }
	f("stopped with the records", none(stopped), missing, transfer.ServerStopped, life)
	gone := func(s *scene) { s.now, s.life.Last, s.life.Heard = 1303, 1000, 1001 }
	f("not heard of again", none(gone), missing, transfer.ServerStopped, life)
	f("not heard of yet", none(func(s *scene) { gone(s); s.now = 1302 }), missing, transfer.StillOpen, claim)
	f("not heard of again, later things were told", none(func(s *scene) { gone(s); s.life.Last = 1003 }), missing, transfer.CauseUnexplained, claim)
	f("not heard of again, its record was", less(gone), differ, transfer.CauseUnexplained, claim, file)
	f("not heard of again long before", none(func(s *scene) { gone(s); s.life.Last, s.life.Heard = 990, 990 }), missing, transfer.NotMonitored, life)
	f("stopped long after", none(func(s *scene) { s.life.Last, s.life.Next = 1050, 1060 }), missing, transfer.CauseUnexplained, claim)
	f("stopped with the file open", less(func(s *scene) { stopped(s); cut(s); s.x.End = transfer.Stopped }), differ, transfer.ServerStopped, file, life)
	f("stopped, more", more(func(s *scene) { stopped(s); cut(s); s.x.End = transfer.Stopped }), differ, transfer.CauseUnexplained, claim, file)

	f("open lost", none(func(s *scene) { s.lose(transfer.FilePackets, 0, 9) }), missing, transfer.PacketsLost, "77.1.file.1000")
	f("lost long after", none(func(s *scene) { s.lose(transfer.FilePackets, 10, 19) }), missing, transfer.CauseUnexplained, claim)
	f("another server's", none(func(s *scene) { s.lose(transfer.FilePackets, 0, 9); s.losses[0].SID = 78 }), missing, transfer.CauseUnexplained, claim)
	f("name lost, and not needed", none(func(s *scene) { s.lose(transfer.MapPackets, 0, 9) }), missing, transfer.CauseUnexplained, claim)
	f("name lost", none(func(s *scene) { s.lose(transfer.MapPackets, 0, 9); s.life.Opens = 2 }), missing, transfer.PacketsLost, "77.1.map.1000")
	f("close lost", less(func(s *scene) { cut(s); s.lose(transfer.FilePackets, 0, 9) }), differ, transfer.PacketsLost, file, "77.1.file.1000")
	f("close lost, nothing known", func(s *scene) { blank(s); s.x.End = transfer.Lost; s.lose(transfer.IDs, 0, 9) }, missing, transfer.PacketsLost, file, "77.1.ids.1000")
	f("close lost, and not noticed", less(func(s *scene) { cut(s); s.life.Last = 1000 }), differ, transfer.CauseUnexplained, claim, file)
	f("another's, its own lost", less(func(s *scene) {
		s.claim.PID, s.x.PID = 7, 8
		s.lose(transfer.FilePackets, 0, 9)
	}), differ, transfer.PacketsLost, file, "77.1.file.1000")
	f("its own, another's lost", less(func(s *scene) {
		s.claim.PID, s.x.PID = 7, 7
		s.lose(transfer.FilePackets, 0, 9)
	}), differ, transfer.CauseUnexplained, claim, file)
	f("what the cache counts lost", less(func(s *scene) { s.lose(transfer.GStreamPackets, 20, 29) }), differ, transfer.PacketsLost, file, "77.1.gstream.1020")
	f("more, and what the cache counts lost", more(func(s *scene) { s.lose(transfer.GStreamPackets, 20, 29) }), differ, transfer.CauseUnexplained, claim, file)
	f("the server's name lost", more(func(s *scene) {
		s.claim.Server, s.life.Idents = "other.example:1094", 0
		s.lose(transfer.MapPackets, 20, 29)
	}), differ, transfer.PacketsLost, file, "77.1.map.1020")
	f("close never told, later things were", less(func(s *scene) { cut(s); s.life.Last = 1050 }), differ, transfer.PacketsLost, file, life)
	f("nobody's, close lost", func(s *scene) { s.x.User = "bob"; cut(s); s.lose(transfer.FilePackets, 0, 9) }, extra, transfer.PacketsLost, file, "77.1.file.1000")
	f("nobody's, open lost", func(s *scene) { s.x.Path = ""; s.lose(transfer.FilePackets, 0, 9) }, extra, transfer.PacketsLost, file, "77.1.file.1000")

	noXfr := func(s *scene) { s.life.Closes = 0 }
	f("no close in a life, but in another", func(s *scene) { noXfr(s); blank(s); s.x.End = transfer.Lost; s.others = append(s.others, before) }, missing, transfer.CauseUnexplained, claim, file)
	f("no xfr", func(s *scene) { noXfr(s); blank(s); s.x.End = transfer.Lost }, missing, transfer.NoCloseByConfig, file, life)
	f("no xfr, session goes on", func(s *scene) { noXfr(s); blank(s); s.x.End = transfer.Open }, missing, transfer.NoCloseByConfig, file, life)
	f("no close yet", func(s *scene) { noXfr(s); blank(s); s.x.End, s.life.Last = transfer.Open, 1001 }, missing, transfer.StillOpen, file)
	f("no xfr and no lfn", none(func(s *scene) { noXfr(s); s.life.Named, s.life.Names = 0, 0 }), missing, transfer.NoCloseByConfig, life)
	f("one close lost", func(s *scene) {
		noXfr(s)
		cut(s)
		s.x.Bytes.Read = 60
		s.lose(transfer.FilePackets, 0, 9)
	}, differ, transfer.PacketsLost, file, "77.1.file.1000")

	manager := transfer.Life{SID: 78, Stod: 1, Server: "red.example:1094", Address: "192.0.2.8:1094", Last: 1060, Heard: 1060, Idents: 1, Logins: 2, Discs: 2}
	led := func(change func(*scene)) func(*scene) {
		return none(func(s *scene) { s.claim.Server, s.others = manager.Server, append(s.others, manager); change(s) })
	}
	f("sent on, open lost", led(func(s *scene) { s.lose(transfer.FilePackets, 0, 9) }), missing, transfer.PacketsLost, "77.1.file.1000")
	f("sent on, stopped with the records", led(stopped), missing, transfer.ServerStopped, life)
	f("sent on, nothing lost", led(same), missing, transfer.NotMonitored, "78.1")
	f("not sent on, another's open lost", led(func(s *scene) {
		s.lose(transfer.FilePackets, 0, 9)
		s.others[0].Opens, s.others[0].Closes, s.others[0].Named = 1, 1, 1
	}), missing, transfer.CauseUnexplained, claim)

	idle := func(s *scene) {
		s.x.Bytes = transfer.Bytes{}
		s.lose(transfer.FilePackets, 2, 2)
		s.losses[0].Sent = transfer.Interval{1003, 1004}
	}
	f("nothing counted, what copied lost", func(s *scene) { idle(s); s.claim.PID, s.x.PID = 7, 7 }, differ, transfer.PacketsLost, file, "77.1.file.1003")
	f("nothing counted, nothing lost", func(s *scene) { s.x.Bytes = transfer.Bytes{} }, differ, transfer.CauseUnexplained, claim, file)

	f("unknown server", none(func(s *scene) { s.claim.Server = "other.example:1094"; s.life.SID = 0 }), missing, transfer.NotMonitored, claim)
	f("no names", none(func(s *scene) { s.life.Named, s.life.Names = 0, 0 }), missing, transfer.NotMonitored, life)
	f("silent since", none(func(s *scene) { s.life.Last = 990 }), missing, transfer.NotMonitored, life)
	f("no f stream", func(s *scene) {
		s.life.Opens, s.life.Closes, s.life.Named = 0, 0, 0
		s.x.End, s.x.Quality, s.x.Bytes = transfer.Unreported, transfer.Unknown, transfer.Bytes{}
	}, missing, transfer.NotMonitored, file, life)

	ops := func(m, n int64) func(*scene) {
		return func(s *scene) { s.claim.Ops, s.x.Ops = &transfer.Ops{Read: m}, &transfer.Ops{Read: n} }
	}
	f("3 of 5 reads", less(ops(5, 3)), differ, transfer.Partial, claim, file)
	f("3 of 5 reads, not counted", less(func(s *scene) { ops(5, 3)(s); s.x.Ops = nil }), differ, transfer.Partial, claim, file)
	f("3 of 5 reads, other counts", less(ops(5, 4)), differ, transfer.CauseUnexplained, claim, file)
	f("a part of a read", less(ops(1, 1)), differ, transfer.CauseUnexplained, claim, file)
}

// Ensure that of several reasons each must do its part.
func TestCausesTogether(t *testing.T) {
	s := set()
	s.claim.Asked = transfer.Bytes{Read: 150, Write: 4096}
	s.claim.Received = &transfer.Bytes{Read: 100, Write: 4096}
	s.x.Bytes, s.x.Quality = transfer.Bytes{Read: 150, Write: 4100}, transfer.Corrected
	v := s.run().Verdicts[0]
	if v.Cause != transfer.Checksums || !slices.Equal(v.Evidence, []string{"77.1.1", "run.1"}) {
		t.Errorf("cause %q by %v, want both the checksums' and the read's evidence", v.Cause, v.Evidence)
	}
	s.claim.Asked.Read = 100
	if v := s.run().Verdicts[0]; v.Cause != transfer.CauseUnexplained {
		t.Errorf("cause %q, want none: the checksums explain the write only", v.Cause)
	}
}

// Ensure that several ranges of one HTTP request are not held against the server.
func TestHTTPRanges(t *testing.T) {
	s := set()
	s.x.Protocol, s.x.Bytes = "https", transfer.Bytes{ReadV: 100}
	if v := s.run().Verdicts[0]; v.Kind != transfer.Match {
		t.Errorf("%s, want match", v.Kind)
	}
	s.x.Ops, s.claim.Received = &transfer.Ops{ReadV: 1, ReadVSegments: 2}, &transfer.Bytes{Read: 297} // with what is around them, as measured
	if v := s.run().Verdicts[0]; v.Kind != transfer.Match {
		t.Errorf("%s, want match", v.Kind)
	}
	s.claim.Received.Read = 1000
	if v := s.run().Verdicts[0]; v.Cause != transfer.CauseUnexplained {
		t.Errorf("%s, want none: so much is around no two ranges", v.Cause)
	}
}

// Ensure that who asked for several ranges gets his own account, not an empty one of the same time.
func TestHTTPRangesJoin(t *testing.T) {
	over := func(x *transfer.Transfer, b transfer.Bytes) *transfer.Transfer {
		x.Protocol, x.Bytes = "http", b
		return x
	}
	at := [2]int64{0, 4}
	r := validate.Run(validate.Input{
		Claims:    claims{readClaim("1", 1, 2, 100)},
		Transfers: transfers{over(read(1, at, at, 0), transfer.Bytes{}), over(read(2, at, at, 0), transfer.Bytes{ReadV: 100})},
	}, validate.Options{})
	if d := cmp.Diff("extra 1.1\nmatch by fields run.1 1.2\n", told(r)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Ensure that who goes without, since another has the account that nothing says whose it is, is told why.
func TestNobodysAccount(t *testing.T) {
	s := set()
	s.x.User, s.x.Client, s.life.Opens, s.life.Named = "", "", 2, 2
	s.lose(transfer.MapPackets, 0, 1)
	other := readClaim("2", 6, 7, 100)
	other.User = "bob"
	f := func(losses []transfer.Loss, want transfer.Cause) {
		t.Helper()
		r := validate.Run(validate.Input{Claims: claims{s.claim, other}, Transfers: transfers{s.x}, Lives: []transfer.Life{s.life}, Losses: losses}, validate.Options{})
		for _, v := range r.Verdicts {
			if v.Kind == transfer.Missing && v.Cause != want {
				t.Errorf("%s: cause %q (%s), want %q", v.Claim.Key(), v.Cause, v.Detail, want)
			}
		}
		if n := r.Totals.Verdicts[transfer.Missing]; n != 1 {
			t.Errorf("%d claims are missing, want 1", n)
		}
	}
	f(s.losses, transfer.PacketsLost)
	f(nil, transfer.CauseUnexplained)
}

// Ensure that a copy between two servers is known by who read it, where no g-stream tells of it.
func TestCopied(t *testing.T) {
	f := func(reader int, bytes int64, want transfer.Cause) {
		t.Helper()
		s := set()
		s.claim.PID, s.x.PID, s.x.Bytes = 7, 7, transfer.Bytes{}
		s.claim.Asked, s.claim.Received = transfer.Bytes{Write: 100}, &transfer.Bytes{Write: 100}
		from, source := readClaim("2", 1, 2, bytes), read(1, [2]int64{0, 9}, [2]int64{0, 9}, bytes)
		from.PID, from.Server, from.Path = 7, "source.example:1094", "/store/s"
		source.PID, source.ID, source.Server, source.Address, source.Path = reader, "78.1.1", from.Server, "192.0.2.2:1094", from.Path
		r := validate.Run(validate.Input{Claims: claims{s.claim, from}, Transfers: transfers{s.x, source}, Lives: []transfer.Life{s.life}}, validate.Options{})
		for _, v := range r.Verdicts {
			if v.Claim == s.claim && v.Cause != want {
				t.Errorf("%d bytes read by process %d: %s, %q (%s), want %q", bytes, reader, v.Kind, v.Cause, v.Detail, want)
			}
		}
	}
	f(8, 100, transfer.NotMonitored)
	f(8, 99, transfer.CauseUnexplained)  // of another file
	f(7, 100, transfer.CauseUnexplained) // by the client itself
}
