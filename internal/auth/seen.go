package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxSeen bounds how many tokens are remembered: more than there are senders at a site.
// Only who can sign can fill it.
const maxSeen = 4096

// seen has tokens that were good, by their digests, so that the signature of one that comes
// with each request is checked once. The zero value is ready.
type seen struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]good
}

// A good token, from when it was checked until it ends, and as long as there are the same keys.
type good struct {
	keys        *keySet
	user        User
	since, ends time.Time // ends zero: never
}

// get returns the user of a token that was good and still is.
func (s *seen) get(token [sha256.Size]byte, keys *keySet, now time.Time) (User, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, ok := s.tokens[token]
	if !ok || g.keys != keys || now.Before(g.since) || !g.ends.IsZero() && !now.Before(g.ends) {
		return User{}, false
	}
	return g.user, true
}

func (s *seen) put(token [sha256.Size]byte, g good) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil || len(s.tokens) >= maxSeen {
		s.tokens = make(map[[sha256.Size]byte]good)
	}
	s.tokens[token] = g
}
