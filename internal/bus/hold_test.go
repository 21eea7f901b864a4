package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallystick/internal/bus"
)

// What must wait is tried again in its order, and what comes meanwhile does not wait.
func TestTakeAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		messages := make(chan string)
		var got []string
		refuse := map[string]int{"b": 2, "c": 1, "never": 1000}
		done := make(chan bool)
		go func() {
			done <- bus.TakeAll(ctx, messages, time.Second, func(m string, again bool) bool {
				if again {
					m += "!"
				}
				got = append(got, m)
				m = strings.TrimSuffix(m, "!")
				refuse[m]--
				return refuse[m] < 0
			})
		}()
		for _, m := range []string{"a", "b", "c", "d"} {
			messages <- m
		}
		time.Sleep(500 * time.Millisecond)
		messages <- "never"
		time.Sleep(1900 * time.Millisecond)
		messages <- "e"
		synctest.Wait()
		if g, want := strings.Join(got, " "), "a b c d never b! c! never! b! e"; g != want {
			t.Errorf("got %s, want %s", g, want)
		}
		cancel()
		if !<-done {
			t.Error("got false when told to stop, want true")
		}
		close(messages)
		if bus.TakeAll(t.Context(), messages, time.Second, nil) {
			t.Error("got true without messages, want false")
		}
	})
}

func TestReceipts(t *testing.T) {
	r := bus.NewReceipts(2)
	var settled []error
	add := func(n uint64) *bus.Receipt {
		t.Helper()
		if err := r.Room(t.Context()); err != nil {
			t.Fatal(err)
		}
		one, ok := r.Add(n, func(err error) { settled = append(settled, err) })
		if !ok {
			t.Fatal("got no receipt")
		}
		return one
	}
	one, two := add(1), add(2)
	if other := bus.NewReceipts(1); !r.Gave(nil) || !r.Gave(one) || other.Gave(one) {
		t.Error("got a receipt of another connection taken for one of this")
	}
	full, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Room(full); !errors.Is(err, context.Canceled) {
		t.Errorf("got room for a third: %v", err)
	}
	if err := one.Wait(full); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v of one that is not confirmed", err)
	}
	no := errors.New("no")
	r.Settle(1, no)
	r.Settle(1, nil) // too late
	r.Settle(7, nil)
	if err := one.Wait(t.Context()); !errors.Is(err, no) {
		t.Errorf("got %v, want %v", err, no)
	}
	three := add(3)
	r.End(no)
	for _, x := range []*bus.Receipt{two, three} {
		if err := x.Wait(t.Context()); !errors.Is(err, bus.ErrLost) || !errors.Is(err, no) {
			t.Errorf("got %v, want %v for %v", err, bus.ErrLost, no)
		}
	}
	if err := r.Room(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Add(4, nil); ok {
		t.Error("got a receipt after the end")
	}
	if len(settled) != 3 || !errors.Is(settled[0], no) || !errors.Is(settled[1], bus.ErrLost) {
		t.Errorf("told of %v, want each once", settled)
	}
}
