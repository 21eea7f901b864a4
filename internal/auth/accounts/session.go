package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Sessions are where scs keeps sessions (its CtxStore).
//
// A session is made only where the context names its owner (Owned). Without one, only a session
// that is there is changed: who has just logged out is not logged in again by a request that
// began before.
type Sessions struct {
	db   *DB
	most int
}

// Sessions returns the store. One owner has at most so many sessions; the one that would end first
// makes room for a new one.
func (d *DB) Sessions(most int) *Sessions { return &Sessions{d, max(1, most)} }

type ownerKey struct{}

// Owned returns a context in which owner's session is made.
func Owned(ctx context.Context, owner string) context.Context {
	return context.WithValue(ctx, ownerKey{}, owner)
}

// CommitCtx keeps data under a token until the session ends.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, ends time.Time) error {
	owner, anew := ctx.Value(ownerKey{}).(string)
	if !anew {
		_, err := s.db.sql.ExecContext(ctx, "UPDATE sessions SET data = $1, ends = $2 WHERE token = $3", data, ends.Unix(), token)
		return wrap("keep session", err)
	}
	return wrap("make session", s.db.change(ctx, func(tx *sql.Tx) error {
		if err := s.db.alone(ctx, tx, owner); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE owner = $1 AND token NOT IN
			(SELECT token FROM sessions WHERE owner = $1 ORDER BY ends DESC LIMIT $2)`, owner, s.most-1)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO sessions (token, owner, data, ends) VALUES ($1, $2, $3, $4)
			ON CONFLICT (token) DO UPDATE SET data = excluded.data, ends = excluded.ends`, token, owner, data, ends.Unix())
		return err
	}))
}

// alone keeps others from making sessions of the owner until tx ends: each would count without the
// other's. In SQLite, a transaction alone does.
func (d *DB) alone(ctx context.Context, tx *sql.Tx, owner string) error {
	if d.lock == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(7812, hashtext($1))", owner)
	return err
}

// FindCtx returns the data under a token, unless it has ended.
func (s *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = s.db.sql.QueryRowContext(ctx, "SELECT data FROM sessions WHERE token = $1 AND ends >= $2", token, s.db.now().Unix()).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, wrap("find session", err)
}

// DeleteCtx removes a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.db.sql.ExecContext(ctx, "DELETE FROM sessions WHERE token = $1", token)
	return wrap("delete session", err)
}

// Commit is CommitCtx; scs asks for it and does not call it.
func (s *Sessions) Commit(token string, data []byte, ends time.Time) error {
	return s.CommitCtx(context.Background(), token, data, ends)
}

// Find is FindCtx; scs asks for it and does not call it.
func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Delete is DeleteCtx; scs asks for it and does not call it.
func (s *Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// EndSessions ends all sessions of an owner.
func (d *DB) EndSessions(ctx context.Context, owner string) error {
	_, err := d.sql.ExecContext(ctx, "DELETE FROM sessions WHERE owner = $1", owner)
	return wrap("end sessions", err)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
