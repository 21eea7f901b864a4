package source

import "tallystick/internal/ingest"

func Items[T any](data []byte, decode func([]byte) (T, *ingest.MessageError), put func([]T) ingest.Result) ingest.Result {
	return items(data, decode, put)
}
