package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// migrations returns what brings the schema from each version to the next. Those that have been
// released are never changed.
func migrations() [][]string {
	return [][]string{
		{
			`CREATE TABLE accounts (
				id           SERIAL_ID,
				name         TEXT NOT NULL UNIQUE,
				source       TEXT NOT NULL,
				subject      TEXT NOT NULL,
				display_name TEXT NOT NULL,
				email        TEXT NOT NULL,
				rights       TEXT NOT NULL,
				password     TEXT NOT NULL,
				disabled     BIGINT NOT NULL,
				generation   BIGINT NOT NULL,
				created      BIGINT NOT NULL,
				UNIQUE (source, subject)
			)`,
			`CREATE TABLE sessions (
				token TEXT PRIMARY KEY,
				owner TEXT NOT NULL,
				data  BYTES NOT NULL,
				ends  BIGINT NOT NULL
			)`,
			`CREATE INDEX sessions_owner ON sessions (owner, ends)`,
			`CREATE TABLE revocations (
				id   SERIAL_ID,
				jti  TEXT NOT NULL UNIQUE,
				ends BIGINT NOT NULL
			)`,
		},
	}
}

// dialect returns the words that the two databases have for the same.
func dialect(postgres bool) *strings.Replacer {
	if postgres {
		return strings.NewReplacer("SERIAL_ID", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTES", "BYTEA")
	}
	return strings.NewReplacer("SERIAL_ID", "INTEGER PRIMARY KEY AUTOINCREMENT", "BYTES", "BLOB")
}

// migrate brings the schema up to date, once, also where two processes begin to.
func (d *DB) migrate(ctx context.Context, postgres bool) error {
	return d.change(ctx, func(tx *sql.Tx) error {
		if postgres { // there, unlike in SQLite, a transaction alone keeps nobody out
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(7811)"); err != nil {
				return err
			}
		}
		version, err := versionOf(ctx, tx)
		if err != nil {
			return err
		}
		return upgrade(ctx, tx, version, dialect(postgres))
	})
}

// versionOf returns the version that the schema has; 0: there is none.
func versionOf(ctx context.Context, tx *sql.Tx) (version int, err error) {
	_, err = tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = tx.ExecContext(ctx, "INSERT INTO schema_version VALUES (0)")
	}
	return version, err
}

func upgrade(ctx context.Context, tx *sql.Tx, from int, words *strings.Replacer) error {
	steps := migrations()
	if from > len(steps) {
		return fmt.Errorf("the schema is of version %d, and this program knows %d at most", from, len(steps))
	}
	for n, step := range steps[from:] {
		for _, statement := range step {
			if _, err := tx.ExecContext(ctx, words.Replace(statement)); err != nil {
				return fmt.Errorf("schema version %d: %w", from+n+1, err)
			}
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE schema_version SET version = $1", len(steps))
	return err
}
