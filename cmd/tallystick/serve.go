package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
		RunE: a.staying(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.sources)
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

// untilHangup returns a context that also ends when the terminal that there may be is closed:
// no reason to lose anything.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	return context.WithCancel(ctx)
}

// onHangup calls do for each SIGHUP, until ctx ends.
func onHangup(ctx context.Context, do func()) error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP)
	defer signal.Stop(told)
	for {
		select {
		case <-told:
			do()
		case <-ctx.Done():
			return nil
		}
	}
}

// serve makes a server of the configuration and runs it until ctx ends.
func (a *app) serve(ctx context.Context, cfg config.Config, demo bool) error {
	runtime.SetMutexProfileFraction(mutexFraction)
	ctx, stop := untilHangup(ctx)
	defer stop()
	log, err := logs.Open(cfg.Log, a.stderr)
	if err != nil {
		return fmt.Errorf("log.file: %w", err)
	}
	defer log.Close()
	s, err := newServer(ctx, cfg, a.sources, systemd.Take(), log)
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
	err = s.run(ctx, a.stdout, demo)
	if err == nil {
		s.log.Info("stopped; everything is saved")
	}
	return err
}

// greet tells a newcomer where he is.
func (a *app) greet(s *server) {
	fmt.Fprintf(a.stdout, `Development mode: loopback only, with a key of its own in %s.
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
	if a.sources.File != "" {
		fmt.Fprintf(&b, " --config %q", a.sources.File)
	}
	for _, kv := range a.sources.Settings {
		fmt.Fprintf(&b, " --set %q", kv)
	}
	return b.String()
}
