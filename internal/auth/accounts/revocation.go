package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Revocation is of a token that is not good any more.
type Revocation struct {
	Serial int64  // later ones have higher numbers, but for those of the same time
	ID     string // jti of the token
	Ends   time.Time
}

// Revoke makes a token bad, by its ID (jti), until it would have ended by itself. It reports
// whether it was good until now: of two that use up the same token, one is told so.
func (d *DB) Revoke(ctx context.Context, id string, ends time.Time) (fresh bool, err error) {
	done, err := d.sql.ExecContext(ctx, "INSERT INTO revocations (jti, ends) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING", id, ends.Unix())
	if err != nil {
		return false, fmt.Errorf("revoke token: %w", err)
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// Revocations returns those with higher numbers than after, in their order, at most limit of
// them, without those that have ended. Of two that were revoked at the same time, the one with the
// lower number may be there later: who asks for what is new asks some numbers back.
func (d *DB) Revocations(ctx context.Context, after int64, limit int) (out []Revocation, err error) {
	rows, err := d.sql.QueryContext(ctx, `SELECT id, jti, ends FROM revocations WHERE id > $1 AND ends >= $2
		ORDER BY id LIMIT $3`, after, d.now().Unix(), limit)
	if err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			r    Revocation
			ends int64
		)
		if err := rows.Scan(&r.Serial, &r.ID, &ends); err != nil {
			return nil, fmt.Errorf("read revocations: %w", err)
		}
		r.Ends = time.Unix(ends, 0)
		out = append(out, r)
	}
	return out, rows.Err()
}

// Revoked reports whether a token was revoked, by its ID (jti).
func (d *DB) Revoked(ctx context.Context, id string) (bool, error) {
	var n int
	if err := d.sql.QueryRowContext(ctx, "SELECT COUNT(*) FROM revocations WHERE jti = $1", id).Scan(&n); err != nil {
		return false, fmt.Errorf("read revocations: %w", err)
	}
	return n > 0, nil
}
