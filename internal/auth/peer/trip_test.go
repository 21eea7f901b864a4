package peer_test

import (
	"net/url"
	"testing"

	"tallystick/internal/auth/peer"
)

// FuzzTrip holds that no code is taken but with the one state that the browser was sent away with.
func FuzzTrip(f *testing.F) {
	f.Add("a.b.c", "code=x&state=a")
	f.Add("a.b.c", "code=x&state=a&state=b")
	f.Add("..", "code=x&state=")
	f.Add("a.b.c", "code=x&state=a&error=access_denied")
	f.Fuzz(func(t *testing.T, kept, query string) {
		trip, err := peer.ParseTrip(kept)
		if err != nil {
			return
		}
		if trip.String() != kept || trip.State == "" || trip.Nonce == "" || trip.Verifier == "" {
			t.Errorf("%q: got %q", kept, trip)
		}
		q, _ := url.ParseQuery(query) // as http.Request does
		code, err := trip.Code(q)
		if err != nil {
			return
		}
		if states := q["state"]; code == "" || len(states) != 1 || states[0] != trip.State || q.Get("error") != "" {
			t.Errorf("%q, %q: got the code %q", kept, query, code)
		}
	})
}
