package httpapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"tallystick/internal/wal"
)

// A Restored says how much of what was saved is back after a start.
type Restored struct {
	Ingest bool  // all that must be there before anything new comes
	Since  int64 // all samples from this Unix second on; Everything: all there are
}

// Everything is the Since of one who has everything.
const Everything = math.MinInt64

// waitFor is how long a client is told to wait for what is being restored.
const waitFor = 2 * time.Second

// restoring returns an error as long as nothing can be taken or answered but how the server is.
func (a *API) restoring(route string) error {
	switch route {
	case "/", "/healthz", "/readyz", "/metrics":
		return nil
	}
	if a.parts.Restored().Ingest {
		return nil
	}
	return &Error{Status: http.StatusServiceUnavailable, Retry: waitFor, Message: "the server is starting: it reads back what it had"}
}

// since returns an error if not all samples from the Unix second on are back: half an
// answer would look like a whole one.
func (a *API) since(from int64) error {
	if have := a.parts.Restored().Since; from < have {
		return &Error{
			Status: http.StatusServiceUnavailable, Retry: waitFor, Field: "from",
			Message: fmt.Sprintf("samples before %d are being read back after a start; what is from then on can be asked for", have),
		}
	}
	return nil
}

// unavailable returns what is told of a log that cannot be written, nil if it can.
func unavailable(err error) *Error {
	if !errors.Is(err, wal.ErrUnavailable) {
		return nil
	}
	return &Error{Status: http.StatusServiceUnavailable, Retry: waitFor, Message: wal.ErrUnavailable.Error()}
}
