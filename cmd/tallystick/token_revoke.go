package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/cli"
	"tallystick/internal/config"
)

// never is the end of a token that has none: as late as a database holds.
const never = 253402300799 // 9999-12-31

func (a *app) tokenRevokeCommand() *cobra.Command {
	var (
		id    string
		after time.Duration
	)
	cmd := a.configured(&cobra.Command{
		Use:   "revoke < TOKEN",
		Short: "Make a token bad before its end",
		Long: `Read a token from standard input, where no list of processes shows it, and have it
refused from now on: within seconds, by all servers that use the same accounts
(auth.accounts.database). With --id nothing is read: the token's ID (jti), which
'tallystick token inspect' tells, is enough.

It need not be good, or of a key that is known here. A token without an ID cannot be
revoked: take its key away.`,
		Example: `  tallystick token revoke --config configs/site.yaml < token.txt
  tallystick token revoke --config configs/site.yaml --id 4IQHNOV5GMEX5RVTDBGLS4XVVA --for 30d`,
		Args: cobra.NoArgs,
		RunE: a.Entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.Sources)
			if err != nil {
				return err
			}
			if cfg.Auth.Accounts.Database == "" {
				return errors.New("auth.accounts.database names no database to write it into")
			}
			ends := time.Now().Add(after)
			if cmd.Flags().Changed("id") {
				if err := checkID(id); err != nil {
					return fmt.Errorf("revoke token: --id: %w", err)
				}
			} else {
				token, err := readToken(cmd.InOrStdin())
				if err != nil {
					return err
				}
				if id, ends, err = idOf(token); err != nil {
					return fmt.Errorf("revoke token: %w", err)
				}
			}
			return a.revoke(cmd.Context(), cfg, id, ends)
		}),
	})
	cmd.Flags().StringVar(&id, "id", "", "`ID` (jti) of the token")
	cli.Duration(cmd, &after, "for", 10*365*24*time.Hour, "with --id: how long the token could be good")
	return cmd
}

// maxID is how long the ID of a token may be: ours have 26 bytes, UUIDs 36.
const maxID = 256

// checkID returns what is wrong with an ID that somebody has typed: if it is none, nothing would be
// revoked, and they would believe that it was.
func checkID(id string) error {
	if owned, _, err := idOf(id); err == nil {
		return fmt.Errorf("this is a whole token, which others may have seen now: revoke its ID, %q", owned)
	}
	if _, err := auth.Inspect(id); err == nil {
		return errors.New("this is a whole token, and it has no ID (jti): take its key away")
	}
	space := func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, space) {
		return fmt.Errorf("%.40q is not the ID of a token: it is empty, has more than %d bytes, or white space in it", id, maxID)
	}
	return nil
}

// idOf returns the ID of a token, and when it ends.
func idOf(token string) (id string, ends time.Time, err error) {
	said, err := auth.Inspect(token)
	if err != nil {
		return "", time.Time{}, err
	}
	id, _ = said.Claims["jti"].(string)
	if id == "" {
		return "", time.Time{}, errors.New("it has no ID (jti)")
	}
	ends = time.Unix(never, 0)
	if exp, ok := said.Claims["exp"].(json.Number); ok {
		if at, err := exp.Float64(); err == nil && at < never {
			ends = time.Unix(int64(at)+60, 0) // clocks differ
		}
	}
	return id, ends, nil
}

func (a *app) revoke(ctx context.Context, cfg config.Config, id string, ends time.Time) (err error) {
	db, err := accounts.Open(ctx, cfg.Auth.Accounts, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	fresh, err := db.Revoke(ctx, id, ends)
	if err != nil {
		return err
	}
	word := "revoked"
	if !fresh {
		word = "was revoked before"
	}
	_, err = fmt.Fprintf(a.Stdout, "%s: %s\n", id, word)
	return err
}
