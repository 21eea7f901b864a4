package stomp

import (
	"io"

	"github.com/go-stomp/stomp/v3/frame"
)

// Frames reads all frames, nil for heart-beats.
func Frames(r io.Reader) (out []*frame.Frame, err error) {
	for in := newReader(r); ; {
		f, long, err := in.read()
		if err != nil {
			return out, err
		}
		if !long {
			out = append(out, f)
		}
	}
}
