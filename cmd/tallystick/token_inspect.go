package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/standing"
	"tallystick/internal/config"
)

// maxTokenInput bounds what is read of standard input, which may be something else.
const maxTokenInput = 64 << 10

func (a *app) tokenInspectCommand() *cobra.Command {
	return a.configured(&cobra.Command{
		Use:   "inspect < TOKEN",
		Short: "Tell what a token says, and whether it is good here",
		Long: `Read a token from standard input, where no list of processes shows it, and print what
it says as JSON. It exits with 1, and says why, if a server with this configuration
would refuse it now. Keys of a JWKS are not fetched.`,
		Example: `  tallystick token inspect --config configs/site.yaml < token.txt`,
		Args:    cobra.NoArgs,
		RunE: a.Entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.Sources)
			if err != nil {
				return err
			}
			token, err := readToken(cmd.InOrStdin())
			if err != nil {
				return err
			}
			return a.inspect(cmd.Context(), cfg, token)
		}),
	})
}

// readToken reads one token, and nothing else, but for white space around it.
func readToken(r io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxTokenInput))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", errors.New("read token: there is none on standard input")
	}
	return token, nil
}

func (a *app) inspect(ctx context.Context, cfg config.Config, token string) error {
	said, err := auth.Inspect(token)
	if err != nil {
		return fmt.Errorf("inspect token: %w", err)
	}
	enc := json.NewEncoder(a.Stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(said); err != nil {
		return fmt.Errorf("inspect token: %w", err)
	}
	v, err := auth.NewVerifier(cfg.Auth.Config, time.Now)
	if err != nil {
		return err
	}
	authenticate := func() error {
		_, err := v.Authenticate(&http.Request{Header: http.Header{"X-Auth-Token": {token}}})
		return err
	}
	if cfg.Auth.Accounts.Database == "" {
		return authenticate()
	}
	return heeding(ctx, cfg, v, authenticate)
}

// heeding calls do while v heeds what the accounts say: what is revoked, and whose roles count.
func heeding(ctx context.Context, cfg config.Config, v *auth.Verifier, do func() error) (err error) {
	db, err := accounts.Open(ctx, cfg.Auth.Accounts, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	known, err := standing.New(ctx, db, cfg.Auth.ValidateUser, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	v.Heed(known)
	return do()
}
