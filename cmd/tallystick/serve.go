package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"tallystick/internal/config"
)

func (a *app) serveCommand() *cobra.Command {
	return a.configured(&cobra.Command{
		Use:   "serve",
		Short: "Take packets and claims, and answer queries",
		Long: `Take the monitoring of XRootD servers over UDP, and claims, samples and queries over
HTTP, until SIGINT or SIGTERM; then stop in order and save everything. A second
signal ends it at once.

Without a configuration file it is in development mode: it serves loopback only
and makes its own key.`,
		Example: `  tallystick serve
  tallystick serve --config configs/site.yaml
  tallystick serve --set http.listen=127.0.0.1:8081 --set retention.memory=2d
  TALLYSTICK_LOG_LEVEL=debug tallystick serve`,
		Args: cobra.NoArgs,
		RunE: a.entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.sources)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), cfg)
		}),
	})
}

// serve builds the process from its parts, runs it until ctx ends, and shuts it
// down in the reverse order.
func (*app) serve(context.Context, config.Config) error {
	return errors.New("serve: not wired yet")
}
