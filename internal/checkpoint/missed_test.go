package checkpoint_test

import (
	"errors"
	"iter"
	"testing"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

// TestPacketsMissed: where the log gives an error, there is no checkpoint without the
// packets that come behind it, and nothing is forgotten; the next one has them.
func TestPacketsMissed(t *testing.T) {
	dir, w, sick := t.TempDir(), newWorld(t), errors.New("too many open files")
	w.grow(t, 1)
	parts := w.parts()
	inLog, forgot := parts.Packets, 0
	parts.Packets = func(from, to int) iter.Seq2[checkpoint.Packet, error] {
		return func(yield func(checkpoint.Packet, error) bool) {
			for p := range inLog(from, to) {
				if !yield(p, nil) || sick != nil {
					break
				}
			}
			if sick != nil {
				yield(checkpoint.Packet{}, sick)
			}
		}
	}
	parts.Forget = func(int) error { forgot++; return nil }
	d := checkpoint.New(checkpoint.Config{Dir: dir, Every: time.Minute}, durable.OS{}, parts, quiet())
	if _, err := d.Save(t.Context()); !errors.Is(err, sick) || forgot != 0 {
		t.Errorf("got %v, and the log forgot %d times, want %v, and never", err, forgot, sick)
	}
	sick = nil
	if info := save(t, d); info.Packets != 5 || forgot != 1 {
		t.Errorf("got %+v, and the log forgot %d times, want all 5 packets, and once", info, forgot)
	}
}
