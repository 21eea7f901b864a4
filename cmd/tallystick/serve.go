package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"tallystick/internal/cli"
	"tallystick/internal/config"
	"tallystick/internal/logs"
	"tallystick/internal/systemd"
)

func (a *app) serveCommand() *cobra.Command {
	var demo bool
	cmd := a.configured(&cobra.Command{
		Use:   "serve",
		Short: "Take packets and claims, and answer queries",
		Long: `Take the monitoring of XRootD servers over UDP, and claims, samples and queries over
HTTP, until SIGINT or SIGTERM; then stop in order and save everything. A second
signal ends it at once. SIGTSTP (Ctrl-Z) saves, and then suspends. SIGHUP reads the
configuration and the certificates again, and opens the log's file anew; on a
terminal it means that this is gone, and stops.

Without a configuration file it is in development mode: it serves loopback only
and makes its own key.`,
		Example: `  tallystick serve
  tallystick serve --demo
  tallystick serve --config configs/site.yaml
  tallystick serve --set http.listen=127.0.0.1:8081 --set retention.memory=2d
  TALLYSTICK_LOG_LEVEL=debug tallystick serve`,
		Args: cobra.NoArgs,
		RunE: a.Staying(func(cmd *cobra.Command) error {
			cfg, err := config.LoadToServe(a.Sources)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), cfg, demo)
		}),
	})
	cmd.Flags().BoolVar(&demo, "demo", false, "play a recorded run of a real server and its clients, and print its validation")
	return cmd
}

// mutexFraction is of how many waits for a lock one is noted, for /debug/pprof/mutex: so few
// that it costs nothing that can be measured.
const mutexFraction = 1000

// serve makes a server of the configuration and runs it until ctx ends.
func (a *app) serve(ctx context.Context, cfg config.Config, demo bool) error {
	runtime.SetMutexProfileFraction(mutexFraction)
	ctx, stop := cli.UntilHangup(ctx)
	defer stop()
	log, err := logs.Open(cfg.Log, a.Stderr)
	if err != nil {
		return fmt.Errorf("log.file: %w", err)
	}
	defer log.Close()
	s, err := newServer(ctx, cfg, a.Sources, systemd.Take(), log)
	if err != nil {
		return err
	}
	defer s.close()
	if cfg.Development {
		a.greet(s)
	}
	s.log.Info("serving", "url", s.url(), "udp", s.udpAddrs(), "data_dir", cfg.DataDir, "version", version)
	defer context.AfterFunc(ctx, func() {
		s.log.Info("stopping; a second signal ends it at once, without saving", "grace", cfg.Grace)
	})()
	err = s.run(ctx, a.Stdout, demo)
	if err == nil {
		s.log.Info("stopped; everything is saved")
	}
	return err
}

// greet tells a newcomer where he is.
func (a *app) greet(s *server) {
	fmt.Fprintf(a.Stdout, `Development mode: loopback only, with a key of its own in %s.
Get a token with
  TOKEN=$(%s token --subject me --role viewer,writer,validator%s)
and ask
  curl -H "Authorization: Bearer $TOKEN" %s/api/v1/validation

`, s.cfg.Auth.KeyFile, os.Args[0], a.sameConfiguration(), s.url())
}

// sameConfiguration returns the flags that give another command the configuration
// of this one.
func (a *app) sameConfiguration() string {
	var b strings.Builder
	if a.Sources.File != "" {
		fmt.Fprintf(&b, " --config %q", a.Sources.File)
	}
	for _, kv := range a.Sources.Settings {
		fmt.Fprintf(&b, " --set %q", kv)
	}
	return b.String()
}
