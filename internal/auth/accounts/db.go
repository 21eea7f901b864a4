// Package accounts keeps accounts, sessions and revocations in SQLite or PostgreSQL.
//
// Rules:
//
//   - Each question is asked of the database: what another process changes (`tallystick user`)
//     counts at once.
//   - An account has a generation, which a new password, disabling and enabling raise. A session is one of an
//     account and a generation, so that both end it. A deleted account's id is never given again.
//   - The schema has a version. An older one is brought up to date, a newer one refused.
//   - Passwords are here as hashes only, tokens of sessions as digests only (scs does that).
package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotFound is the error where there is no such account.
var ErrNotFound = errors.New("there is no such account")

// ErrTaken is the error where there is one already.
var ErrTaken = errors.New("there is such an account already")

// Config is what an operator may choose.
type Config struct {
	// Database is a file, of SQLite, or postgres://USER@HOST/NAME; empty: there are no accounts.
	Database string `koanf:"database"`
	// PasswordFile has the password for PostgreSQL, in its first line; empty: none, or as
	// libpq finds it (~/.pgpass).
	PasswordFile string `koanf:"password_file"`
}

// IsPostgres reports whether the database is one of PostgreSQL, and no file.
func (c Config) IsPostgres() bool {
	return strings.HasPrefix(c.Database, "postgres://") || strings.HasPrefix(c.Database, "postgresql://")
}

// Check returns what is wrong with the name of the database, or nil.
func (c Config) Check() error {
	switch {
	case strings.Contains(c.Database, "://") && !c.IsPostgres():
		return errors.New("is neither a file nor postgres://USER@HOST/NAME")
	case !c.IsPostgres():
		return nil
	}
	u, err := url.Parse(c.Database)
	if err != nil {
		return errors.New("is not postgres://USER@HOST/NAME") // the error might tell a password
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return errors.New("has a password, which belongs into auth.accounts.password_file")
	}
	return nil
}

// A DB is an open database. It may be used by several goroutines at the same time.
type DB struct {
	sql  *sql.DB
	lock string // what makes a row that is read for a change this transaction's own
	now  func() time.Time
}

// Open opens the database, which is made if it is not there, and brings its schema up to date.
func Open(ctx context.Context, cfg Config, now func() time.Time) (*DB, error) {
	d, err := open(cfg, now)
	if err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	if !cfg.IsPostgres() {
		err = d.logAhead(ctx)
	}
	if err == nil {
		err = d.migrate(ctx, cfg.IsPostgres())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open accounts: %w", err), d.Close())
	}
	return d, nil
}

func open(cfg Config, now func() time.Time) (*DB, error) {
	if cfg.IsPostgres() {
		source, err := cfg.postgres()
		if err != nil {
			return nil, err
		}
		db, err := sql.Open("pgx", source)
		return &DB{sql: db, lock: " FOR UPDATE", now: now}, err
	}
	if err := private(cfg.Database); err != nil {
		return nil, err
	}
	// Writers wait for each other up to 5 s. Transactions begin as writers (immediate), so
	// that none has read what another then changes.
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: cfg.Database}).EscapedPath(), RawQuery: url.Values{
		"_pragma": {"busy_timeout(5000)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	return &DB{sql: db, now: now}, err
}

// postgres returns the source with the password.
func (c Config) postgres() (string, error) {
	if c.PasswordFile == "" {
		return c.Database, nil
	}
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(c.Database)
	if err != nil {
		return "", c.Check()
	}
	word, _, _ := strings.Cut(string(text), "\n")
	u.User = url.UserPassword(u.User.Username(), strings.TrimSuffix(word, "\r"))
	return u.String(), nil
}

// private makes the file if it is not there, for its owner only; SQLite gives those that it
// makes beside it the same mode. One that is there is left alone: closing it would take SQLite's
// locks from this process (https://sqlite.org/howtocorrupt.html, 2.2).
func private(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// logAhead has SQLite write a log ahead, which the file remembers. Where two processes begin
// with a new file, one is told that it is busy without a wait, whatever busy_timeout says.
func (d *DB) logAhead(ctx context.Context) error {
	const times, between = 100, 50 * time.Millisecond
	again := time.NewTicker(between)
	defer again.Stop()
	for range times {
		_, err := d.sql.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		var busy *sqlite.Error
		if !errors.As(err, &busy) || busy.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("another process does not let go of the database")
}

// Close closes the database.
func (d *DB) Close() error { return d.sql.Close() }

// change runs do in a transaction.
func (d *DB) change(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// sweepEvery is how often what has ended is removed.
const sweepEvery = 10 * time.Minute

// Run removes sessions and revocations that have ended, until ctx ends.
func (d *DB) Run(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Sweep removes what has ended.
func (d *DB) Sweep(ctx context.Context) error {
	for _, table := range []string{"sessions", "revocations"} {
		if _, err := d.sql.ExecContext(ctx, "DELETE FROM "+table+" WHERE ends < $1", d.now().Unix()); err != nil {
			return fmt.Errorf("sweep %s: %w", table, err)
		}
	}
	return nil
}
