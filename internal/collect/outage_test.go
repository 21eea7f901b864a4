package collect_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// timed keeps lives with their times.
type timed struct {
	*recorder

	all map[string]transfer.Life
}

func (r *timed) Life(l transfer.Life) {
	r.recorder.Life(l)
	r.all[l.ID()] = l
}

// told plays as and returns all that is told of it that has a time.
func told(t *testing.T, as []arrival) *timed {
	t.Helper()
	r := &timed{newRecorder(), map[string]transfer.Life{}}
	c := collect.New(collect.Default(), r)
	feed(t, c, as)
	rest(c, as)
	return r
}

// queued has all of as come out of a queue a day after the last, within seconds.
func queued(as []arrival) []arrival {
	out := slices.Clone(as)
	at := as[len(as)-1].at.Add(24 * time.Hour)
	for i := range out {
		out[i].Arrival = as[i].at.UnixNano()
		at = at.Add(time.Millisecond)
		out[i].at = at
	}
	return out
}

// What lay in a queue while nobody took it out is told as if it had come at once. Of
// what is lost in it the same is told; more may be known of the rest, which all is there
// when it is told.
func TestOutOfAQueue(t *testing.T) {
	for _, name := range captures() {
		t.Run(name, func(t *testing.T) {
			all := arrivals(load(t, name))
			for seed := range uint64(4) {
				as := lose(all, 0.1*float64(seed), seed)
				got, want := told(t, queued(as)), told(t, as)
				sameFound(t, got, want)
				if seed == 0 {
					sameTold(t, got, want)
				}
			}
		})
	}
}

func sameTold(t *testing.T, got, want *timed) {
	t.Helper()
	same(t, "transfer", got.transfers, want.transfers)
	same(t, "samples", got.samples, want.samples)
	same(t, "balances", got.balances, want.balances)
}

// sameFound is of lives and losses.
func sameFound(t *testing.T, got, want *timed) {
	t.Helper()
	lives := func(r *timed) map[string]transfer.Life {
		out := maps.Clone(r.all)
		for id, l := range out {
			l.Summaries = 0 // those that are told before the name that they come under are none of the life
			out[id] = l
		}
		return out
	}
	same(t, "life", lives(got), lives(want))
	counts := func(r *timed) map[transfer.Loss]int {
		out := map[transfer.Loss]int{}
		for _, l := range r.losses {
			l.Server = "" // it may have got its name since
			out[l]++
		}
		return out
	}
	same(t, "loss", counts(got), counts(want))
}

func same[K comparable, V any](t *testing.T, what string, is, should map[K]V) {
	t.Helper()
	got, want := written(is), written(should)
	for _, key := range sortedKeys(want) {
		if got[key] != want[key] {
			t.Errorf("%s %s:\ngot  %s\nwant %s", what, key, got[key], want[key])
		}
	}
	if len(got) > len(want) {
		t.Errorf("%s: got %d, want %d", what, len(got), len(want))
	}
}

// written returns m with its values as text.
func written[K comparable, V any](m map[K]V) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // of such values there is none
		}
		out[fmt.Sprintf("%+v", k)] = string(text)
	}
	return out
}

// Hours of a stream come within seconds, and its numbers wrap many times meanwhile: what
// is lost is found all the same.
func TestNumbersOutOfAQueue(t *testing.T) {
	var all []arrival
	for i := range 3000 {
		at := time.Unix(stod+int64(i)*10, 0)
		all = append(all, arrival{at, collect.Packet{Remote: "192.0.2.1:1", Data: records(i, at.Unix()-10, at.Unix(), record(4, uint32(i+1)))}})
	}
	as := slices.Concat(all[:500], all[620:1000], lose(all[1000:], 0.3, 1))
	got, want := told(t, queued(as)), told(t, as)
	sameFound(t, got, want)
	if n, lost := got.lost[transfer.FilePackets], int64(len(all)-len(as)); n != lost {
		t.Errorf("got %d lost, want %d", n, lost)
	}
}

// A packet did not come later than now, whatever its sender's clock says, and nothing of
// a time that there is none.
func TestArrivalIsNotTrusted(t *testing.T) {
	now := time.Unix(stod+5, 0)
	for _, arrival := range []int64{-1, 0, now.UnixNano() + 1, 1<<63 - 1, -1 << 63} {
		r := &timed{newRecorder(), map[string]transfer.Life{}}
		c := collect.New(collect.Default(), r)
		if err := c.Packet(now, collect.Packet{Remote: "192.0.2.1:1", Data: ident(stod), Arrival: arrival}); err != nil {
			t.Fatal(err)
		}
		c.Advance(now.Add(time.Minute))
		for _, l := range r.all {
			if l.First != now.Unix() || l.Heard != now.Unix() {
				t.Errorf("arrival %d: got %d and %d, want %d", arrival, l.First, l.Heard, now.Unix())
			}
		}
		if len(r.all) != 1 {
			t.Errorf("arrival %d: got %d lives", arrival, len(r.all))
		}
	}
}

// A server is there when its summary comes, whatever else comes of it.
func TestSummaryIsHeard(t *testing.T) {
	r := &timed{newRecorder(), map[string]transfer.Life{}}
	c := collect.New(collect.Default(), r)
	now := time.Unix(stod+5, 0)
	put := func(data []byte) {
		t.Helper()
		if err := c.Packet(now, collect.Packet{Remote: "192.0.2.1:4711", Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	put(ident(stod))
	now = now.Add(10 * time.Minute)
	put(summary(stod, now.Unix(), linkIO(1)))
	for range 120 {
		now = now.Add(time.Second)
		c.Advance(now)
	}
	for _, l := range r.all {
		if l.Summaries != 1 || l.Heard != stod+605 {
			t.Errorf("got %d summaries, heard at %d, want 1 at %d", l.Summaries, l.Heard, stod+605)
		}
	}
	if len(r.all) != 1 {
		t.Errorf("got %d lives, want 1", len(r.all))
	}
}
