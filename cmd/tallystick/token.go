package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/auth"
	"tallystick/internal/cli"
	"tallystick/internal/config"
	"tallystick/internal/durable"
)

// tokenCommand is create, with the others below it: before there were others, it was all.
func (a *app) tokenCommand() *cobra.Command {
	cmd := a.tokenCreateCommand("token")
	cmd.AddCommand(a.tokenCreateCommand("create"), a.tokenInspectCommand(), a.tokenRevokeCommand())
	return cmd
}

func (a *app) tokenCreateCommand(name string) *cobra.Command {
	var (
		claims auth.Claims
		roles  []string
	)
	cmd := a.configured(&cobra.Command{
		Use:   name + " --subject NAME --role ROLE[,ROLE…]",
		Short: "Make a token for someone who calls the API",
		Long: `Make a token with the private key of the configuration (auth.key_file), and print it
alone. If there is no such file yet, the key is made first, readable by its owner
only.

The roles are
  viewer     asks for metrics
  writer     sends packets, claims and samples
  validator  asks for transfers, claims and validations
  operator   looks into the server itself
  admin      all of that

A writer can be bound: to clusters (of lines), to sites (of the servers that packets
come from, as collect.servers has them) and to one client (of claims). Who is bound
in any way may send only what one of the bounds covers.`,
		Example: `  TOKEN=$(tallystick token create --subject me --role viewer,validator)
  tallystick token create --config configs/site.yaml --subject agent7 --role writer --ttl 30d --client node7`,
		Args: cobra.NoArgs,
		RunE: a.Entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.Sources)
			if err != nil {
				return err
			}
			if claims.Roles, err = auth.ParseRoles(roles); err != nil {
				return a.Usage("--role: %w", err)
			}
			if claims.TTL < time.Second {
				return a.Usage("--ttl: %v is less than 1s", claims.TTL)
			}
			if err := errors.Join(checkBoundFlags(cmd, claims.Bounds), claims.Bounds.Bind(claims.Roles)); err != nil {
				return a.Usage("%w", err)
			}
			return a.token(cfg, claims)
		}),
	})
	flags := cmd.Flags()
	flags.StringVar(&claims.Subject, "subject", "", "`name` of who will show the token")
	flags.StringSliceVar(&roles, "role", nil, "`roles` that the token gives")
	cli.Duration(cmd, &claims.TTL, "ttl", 24*time.Hour, "how long the token is good, at least 1s")
	flags.StringSliceVar(&claims.Bounds.Clusters, "cluster", nil, "the only `clusters` of which lines may be sent")
	flags.StringSliceVar(&claims.Bounds.Sites, "site", nil, "the only `sites` of whose servers packets may be sent")
	flags.StringVar(&claims.Bounds.Client, "client", "", "the only `client` of which claims may be sent")
	for _, name := range []string{"subject", "role"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // there is no such flag: a slip in this function
		}
	}
	return cmd
}

// checkBoundFlags refuses an empty bound, such as that of a script's variable that is not set:
// the token would be bound to nothing, or to nobody.
func checkBoundFlags(cmd *cobra.Command, b auth.Bounds) error {
	for name, empty := range map[string]bool{
		"cluster": len(b.Clusters) == 0, "site": len(b.Sites) == 0, "client": b.Client == "",
	} {
		if empty && cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s: is empty", name)
		}
	}
	return nil
}

func (a *app) token(cfg config.Config, claims auth.Claims) error {
	key, err := signingKey(cfg)
	if err != nil {
		return err
	}
	claims.Issuer, claims.Audience = cfg.Auth.Issuer, cfg.Auth.Audience
	token, err := key.Sign(claims, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Stdout, token)
	return err
}

// signingKey returns the key of the configuration's file, which is made if it is
// not there. In development mode it is in data_dir, which is made too.
func signingKey(cfg config.Config) (auth.Key, error) {
	path := cfg.Auth.KeyFile
	if path == "" {
		return auth.Key{}, errors.New("auth.key_file names no private key to sign with")
	}
	key, err := auth.LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if cfg.Development {
		if err := (durable.OS{}).MkdirAll("data_dir", cfg.DataDir); err != nil {
			return auth.Key{}, err
		}
	}
	key, err = auth.CreateKey(path)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		return auth.LoadKey(path)
	}
	return key, err
}
