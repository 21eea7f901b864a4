package accounts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tallystick/internal/auth"
)

// An Account is what is kept of somebody.
type Account struct {
	auth.User

	ID         int64
	Generation int64
	Subject    string // what the source calls them by; that of a local account is its name
	Password   string // hash; empty: there is none to log in with
	Disabled   bool
	Created    time.Time
}

// rights are what one column has, as JSON.
type rights struct {
	Roles    []auth.Role `json:"roles,omitempty"`
	Projects []string    `json:"projects,omitempty"`
	Bounds   auth.Bounds `json:"bounds,omitzero"`
}

// Name returns the name of an account in Unicode's form NFC, or an error that says why it cannot
// be one.
func Name(text string) (string, error) {
	const most = 128
	switch {
	case strings.TrimSpace(text) == "":
		return "", errors.New("the name is empty")
	case text != strings.TrimSpace(text):
		return "", errors.New("the name begins or ends with a space")
	case len(text) > most:
		return "", fmt.Errorf("the name is longer than %d bytes", most)
	case !utf8.ValidString(text):
		return "", errors.New("the name is not UTF-8")
	}
	for _, c := range text {
		if !unicode.IsPrint(c) {
			return "", errors.New("the name has characters that cannot be printed")
		}
	}
	return norm.NFC.String(text), nil
}

const columns = `id, name, source, subject, display_name, email, rights, password, disabled, generation, created`

// Account returns the account of a name.
func (d *DB) Account(ctx context.Context, name string) (Account, error) {
	return one(d.sql.QueryRowContext(ctx, "SELECT "+columns+" FROM accounts WHERE name = $1", name))
}

// ByID returns the account of an id.
func (d *DB) ByID(ctx context.Context, id int64) (Account, error) {
	return one(d.sql.QueryRowContext(ctx, "SELECT "+columns+" FROM accounts WHERE id = $1", id))
}

// BySubject returns the account of who a source calls by subject.
func (d *DB) BySubject(ctx context.Context, source, subject string) (Account, error) {
	return one(d.sql.QueryRowContext(ctx, "SELECT "+columns+" FROM accounts WHERE source = $1 AND subject = $2", source, subject))
}

// List returns all accounts, sorted by name.
func (d *DB) List(ctx context.Context) ([]Account, error) {
	rows, err := d.sql.QueryContext(ctx, "SELECT "+columns+" FROM accounts ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		a, err := one(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// one reads a row.
func one(row interface{ Scan(to ...any) error }) (Account, error) {
	var (
		a       Account
		r       rights
		text    string
		created int64
	)
	err := row.Scan(&a.ID, &a.Name, &a.Source, &a.Subject, &a.DisplayName, &a.Email, &text, &a.Password, &a.Disabled, &a.Generation, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Account{}, ErrNotFound
	case err != nil:
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return Account{}, fmt.Errorf("read account %q: %w", a.Name, err)
	}
	a.Roles, a.Projects, a.Bounds, a.Created = r.Roles, r.Projects, r.Bounds, time.Unix(created, 0)
	return a, nil
}

func (a *Account) rights() (string, error) {
	text, err := json.Marshal(rights{a.Roles, a.Projects, a.Bounds})
	return string(text), err
}

// Add adds an account, of which ID, Generation and Created are given here. The error is ErrTaken
// if there is one of its name, or of its source and subject.
func (d *DB) Add(ctx context.Context, a Account) error {
	text, err := a.rights()
	if err != nil {
		return err
	}
	done, err := d.sql.ExecContext(ctx, `INSERT INTO accounts
		(name, source, subject, display_name, email, rights, password, disabled, generation, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9) ON CONFLICT DO NOTHING`,
		a.Name, a.Source, a.Subject, a.DisplayName, a.Email, text, a.Password, number(a.Disabled), d.now().Unix())
	if err != nil {
		return fmt.Errorf("add account %q: %w", a.Name, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrTaken, err)
	}
	return nil
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Change changes the account of an id: do gets it as it is, and nobody else changes it meanwhile.
// Its name, source and subject stay. A new password, or disabling it, ends its sessions.
func (d *DB) Change(ctx context.Context, id int64, do func(*Account)) error {
	return d.change(ctx, func(tx *sql.Tx) error {
		a, err := one(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM accounts WHERE id = $1"+d.lock, id))
		if err != nil {
			return err
		}
		before := a
		do(&a)
		if a.Password != before.Password || a.Disabled != before.Disabled {
			a.Generation = before.Generation + 1
		}
		text, err := a.rights()
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE accounts SET display_name = $1, email = $2, rights = $3, password = $4,
			disabled = $5, generation = $6 WHERE id = $7`,
			a.DisplayName, a.Email, text, a.Password, number(a.Disabled), a.Generation, id)
		return err
	})
}

// Rehash replaces a hash of the same password: no session ends by it. If the hash is another one
// by now, nothing happens.
func (d *DB) Rehash(ctx context.Context, id int64, old, hash string) error {
	_, err := d.sql.ExecContext(ctx, "UPDATE accounts SET password = $1 WHERE id = $2 AND password = $3", hash, id, old)
	return err
}

// Delete removes the account of a name, and so its sessions.
func (d *DB) Delete(ctx context.Context, name string) error {
	done, err := d.sql.ExecContext(ctx, "DELETE FROM accounts WHERE name = $1", name)
	if err != nil {
		return fmt.Errorf("delete account %q: %w", name, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNotFound, err)
	}
	return nil
}
