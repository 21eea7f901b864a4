package shovel_test

import (
	"strings"
	"testing"

	"tallystick/internal/shovel"
)

// Ensure that datagrams come through in their order, also when the broker is away, and when
// the shovel is stopped in between.
func TestThrough(t *testing.T) {
	s := newStation(t)
	o := s.cfg.Outputs["hub"]
	o.Envelope = shovel.Extended
	s.cfg.Outputs["hub"] = o
	s.start()
	s.send(0, 1000)
	s.inOrder(s.received(1000), 1000)

	s.broker.Down()
	s.send(1000, 1000)
	s.stop()
	s.start()
	s.send(2000, 10)
	s.broker.Up()
	ms := s.received(2010)
	s.inOrder(ms, 2010)
	for i, m := range ms {
		if m.Seq != uint64(i+1) || !strings.HasPrefix(m.Shoveler, "edge.") || m.Shoveler != ms[0].Shoveler || m.Arrival == 0 {
			t.Fatalf("message %d: got %+v", i, m)
		}
		if want := m.Shoveler + id(i+1); m.ID != want {
			t.Fatalf("message %d: got ID %s, want %s", i, m.ID, want)
		}
	}
}
