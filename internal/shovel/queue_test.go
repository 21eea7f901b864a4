package shovel_test

import (
	"testing"

	"tallystick/internal/shovel"
)

// Ensure numbers go on after a restart, and begin anew in a life of another name where it is not
// known which were given out: after the machine itself was started again.
func TestLives(t *testing.T) {
	cfg := shovel.Default().Queue
	cfg.Dir = t.TempDir()
	open := func(boot string, put int, wantNext uint64) (life string) {
		t.Helper()
		q, err := shovel.OpenQueueAt(t.Context(), cfg, boot)
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		life, next := q.Number()
		if next != wantNext {
			t.Errorf("boot %q: got %d as the next number, want %d", boot, next, wantNext)
		}
		for range put {
			ds := []shovel.Datagram{{Data: []byte("x")}, {Data: []byte("y")}}
			if err := q.Put(t.Context(), ds); err != nil {
				t.Fatal(err)
			}
		}
		return life
	}
	first := open("a", 2, 1)
	if again := open("a", 1, 5); again != first {
		t.Errorf("after a restart: got life %s, want %s", again, first)
	}
	second := open("b", 0, 1)
	if second == first {
		t.Errorf("after a start of the machine: got life %s again", second)
	}
	if again := open("b", 1, 1); again != second {
		t.Errorf("after a restart: got life %s, want %s", again, second)
	}
	open("b", 0, 3)
	if unknown := open("", 0, 1); unknown == second {
		t.Errorf("where nothing tells lives of the machine apart: got life %s again", unknown)
	}
}
