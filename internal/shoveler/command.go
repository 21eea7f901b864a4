package shoveler

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"tallystick/internal/cli"
	"tallystick/internal/logs"
	"tallystick/internal/pages"
	"tallystick/internal/run"
	"tallystick/internal/shovel"
	"tallystick/internal/systemd"
)

const (
	// fieldFile is where the field's shoveler has its configuration.
	fieldFile = "/etc/xrootd-monitoring-shoveler/config.yaml"
	// ownFile is where our package has it.
	ownFile = "/etc/tallystick/shovel.yaml"
)

// An app is one execution of a shovel's command.
type app struct {
	*cli.App

	called string // as it is called: tallystick shovel
}

// Command returns the command that runs a shovel, with those below it. Of the binary's own name it
// is the binary's root, else a command below that.
func Command(c *cli.App, name string) *cobra.Command {
	a := &app{c, c.Name}
	if name != c.Name {
		a.called += " " + name
	}
	cmd := a.configured(&cobra.Command{
		Use:   name,
		Short: "Carry datagrams from UDP to a message bus, and lose none",
		Long: a.text(`Receive the monitoring datagrams of XRootD servers over UDP, keep them in a queue on
disk, and send them on to AMQP, STOMP, NATS, HTTP (tallystick serve) or UDP, until
SIGINT or SIGTERM. What was received survives a crash and any time that the receiver is
away, within the bounds of the queue. SIGHUP opens the log's file anew; on a terminal it
means that this is gone, and stops.

It reads the configuration of the field's shoveler as it is, from --config,
$` + FileVariable + `, ` + fieldFile + `
or ` + ownFile + `, and the variables SHOVELER_…; CALLED keys
lists all that may be there.`),
		Example: a.text(`  CALLED
  CALLED --config /etc/xrootd-monitoring-shoveler/config.yaml
  SHOVELER_AMQP_URL=amqps://broker.example.org/xrd SHOVELER_QUEUE_DIRECTORY=/var/spool/xrd CALLED
  CALLED --set 'to={serve: {http: {url: "https://tallystick.example.org/api/v1/packets", token_file: token}}}'`),
		Args: cobra.NoArgs,
		RunE: a.Staying(func(cmd *cobra.Command) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return a.run(cmd.Context(), cfg)
		}),
	})
	cmd.AddCommand(a.statusCommand(), a.checkCommand(), a.keysCommand())
	return cmd
}

// text returns a text with what the command is called.
func (a *app) text(s string) string { return strings.ReplaceAll(s, "CALLED", a.called) }

func (a *app) configured(cmd *cobra.Command) *cobra.Command {
	return a.Configured(cmd, "$"+FileVariable+", else "+fieldFile+" or "+ownFile+" if it is there", a.called+" keys")
}

func (a *app) checkCommand() *cobra.Command {
	return a.configured(&cobra.Command{
		Use:   "check",
		Short: "Print the configuration as it came out of file, environment and settings",
		Long: `Print the configuration as it came out of file, environment and settings, as YAML and
without passwords. If anything is wrong with it, or with a file that it names, print all of
that instead and exit with 2.`,
		Args: cobra.NoArgs,
		RunE: a.Entering(func(*cobra.Command) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			if err := cfg.CheckFiles(); err != nil {
				return err
			}
			text, err := cfg.YAML()
			if err != nil {
				return err
			}
			_, err = a.Stdout.Write(text)
			return err
		}),
	})
}

func (a *app) keysCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keys",
		Short: "List all keys with their variables and defaults",
		Args:  cobra.NoArgs,
		RunE:  a.Entering(func(*cobra.Command) error { return a.ListKeys(Keys()) }),
	}
}

// firstOf returns the first path where there is a file, empty if there is none.
func firstOf(paths ...string) string {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func (a *app) load() (Config, error) {
	s := a.Sources
	if s.File == "" && os.Getenv(FileVariable) == "" {
		s.File = firstOf(fieldFile, ownFile)
	}
	return Load(s)
}

// run makes a shovel of the configuration and runs it until ctx ends.
func (a *app) run(ctx context.Context, cfg Config) error {
	if cfg.Debug {
		cfg.Log.Level = slog.LevelDebug
	}
	ctx, stop := cli.UntilHangup(ctx)
	defer stop()
	opened, err := logs.Open(cfg.Log, a.Stderr)
	if err != nil {
		return fmt.Errorf("log.file: %w", err)
	}
	defer opened.Close()
	log := opened.Logger
	defer sparing(len(cfg.Config().Outputs))()
	s, err := shovel.New(ctx, cfg.Config(), prometheus.NewRegistry(), log)
	if err != nil {
		return err
	}
	if err := pages.Release(); err != nil {
		log.Debug("the pages of the binary stay in memory", "err", err)
	}
	log.Info("shoveling", "udp", s.Addrs(), "metrics", s.MetricsAddr(), "queue", cfg.QueueDirectory, "version", a.Version)
	manager := &systemd.Service{Alive: s.Alive, Status: func() string { return s.Line(ctx) }, Log: log}
	var g run.Group
	g.Add("hangups", func(ctx context.Context) error { return cli.OnHangup(ctx, func() { manager.Reload(opened.Rotate) }) })
	g.Add("shovel", func(ctx context.Context) error { return s.Run(ctx, manager) })
	if err = g.Run(ctx); err == nil {
		log.Info("stopped; what was not sent is in the queue")
	}
	return err
}
