package httpapi_test

import (
	"net/http"
	"testing"
)

// Ensure of what was asked of a cc-metric-store with tokens, good and bad, the good ones work here,
// in each of the headers, and the holes are closed: who may only read frees nothing (168), and
// a token without an end (169) or without roles (170) is none.
func TestGoldenTokens(t *testing.T) {
	folder := goldenFolder(t)
	s := newGolden(t, folder)
	want := map[int]int{
		158: http.StatusUnauthorized, 159: http.StatusUnauthorized, 160: http.StatusOK, 161: http.StatusOK,
		162: http.StatusUnauthorized, 163: http.StatusUnauthorized, 164: http.StatusUnauthorized, 165: http.StatusUnauthorized,
		166: http.StatusUnauthorized, 167: http.StatusOK, 168: http.StatusForbidden, 169: http.StatusUnauthorized,
		170: http.StatusUnauthorized,
	}
	for _, c := range goldenCases(t, folder) {
		status, of := want[c.N]
		if !of {
			continue
		}
		delete(want, c.N)
		if got := s.play(c); got.status != status {
			t.Errorf("%03d-%s: got %d %s, want %d", c.N, c.Name, got.status, clip(got.body), status)
		}
	}
	if len(want) > 0 {
		t.Errorf("there are no cases %v", want)
	}
}
