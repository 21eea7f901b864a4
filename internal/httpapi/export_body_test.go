package httpapi

import "io"

// Unpack is what reads packed bodies.
func Unpack(raw io.Reader, coding string) (io.Reader, error) { return unpack(raw, coding) }

// The bounds of what a coding may ask for.
const (
	MaxWindow = maxWindow
	MaxBlock  = maxBlock
)
