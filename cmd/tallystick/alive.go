package main

import (
	"context"
	"fmt"
	"strings"
)

// alive asks every part for its numbers: one that hangs with a lock held does not answer.
// That a part has ended needs no asking, it stops all.
func (s *server) alive(context.Context) error {
	if _, err := s.registry.Gather(); err != nil {
		return fmt.Errorf("ask the parts: %w", err)
	}
	return nil
}

// status is how the server is, for people.
func (s *server) status() string {
	if reasons := s.notReady(); reasons != nil {
		return strings.Join(reasons, "; ")
	}
	transfers, claims := s.ledger.Len()
	return fmt.Sprintf("serving %s: %d series, %d transfers, %d claims", s.url(), s.store.Stats().Series, transfers, claims)
}
