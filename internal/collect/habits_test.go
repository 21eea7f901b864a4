package collect_test

import (
	"testing"
	"time"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// lifeBook keeps the newest of what is told of each life, with its times.
type lifeBook struct {
	*recorder
	lives map[string]transfer.Life
}

func (b lifeBook) Life(l transfer.Life) { b.lives[l.ID()] = l }

// How a server sends is told with its life: the rarest ident, the longest datagrams,
// and that there are summaries.
func TestHabits(t *testing.T) {
	b := lifeBook{newRecorder(), map[string]transfer.Life{}}
	c := collect.New(collect.Default(), b)
	at := func(second int64, datagrams ...[]byte) {
		t.Helper()
		now := time.Unix(stod+second, 0)
		c.Advance(now)
		for _, d := range datagrams {
			if err := c.Packet(now, collect.Packet{Remote: "192.0.2.1:4711", Data: d}); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := records(0, stod, stod+5, opened("/store/f"))
	cache := gstream(1, 'C', stod+5, `{"event":"other"}`)
	at(3, ident(stod), file, cache, summary(stod-1, stod+3, linkOut(1)))
	at(103, mapped('=', 5, stod, 0, string(ident(stod)[12:])))
	at(703, mapped('=', 6, stod, 0, string(ident(stod)[12:])), summary(stod-1, stod+703, linkOut(1)))
	at(800)
	at(900)
	want := transfer.Habits{
		First: stod + 3, Site: "T2", IdentEvery: 600, Summaries: 2, LongestFile: int64(len(file)), LongestGStream: int64(len(cache)),
	}
	for _, l := range b.lives {
		if l.Habits != want {
			t.Errorf("got %+v, want %+v", l.Habits, want)
		}
	}
	if len(b.lives) != 1 {
		t.Errorf("got %d lives, want 1", len(b.lives))
	}
}
