package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"tallystick/internal/config"
	"tallystick/internal/logs"
	"tallystick/internal/run"
	"tallystick/internal/shovel"
	"tallystick/internal/systemd"
)

// fieldFile is where the field's shoveler has its configuration.
const fieldFile = "/etc/xrootd-monitoring-shoveler/config.yaml"

func (a *app) shovelCommand() *cobra.Command {
	cmd := a.shovelConfigured(&cobra.Command{
		Use:   "shovel",
		Short: "Carry datagrams from UDP to a message bus, and lose none",
		Long: `Receive the monitoring datagrams of XRootD servers over UDP, keep them in a queue on
disk, and send them on to AMQP, STOMP, NATS, HTTP (tallystick serve) or UDP, until
SIGINT or SIGTERM. What was received survives a crash and any time that the receiver is
away, within the bounds of the queue. SIGHUP opens the log's file anew; on a terminal it
means that this is gone, and stops.

It reads the configuration of the field's shoveler as it is, from --config,
$` + config.ShovelFileVariable + ` or ` + fieldFile + `, and the variables
SHOVELER_…; tallystick shovel keys lists all that may be there.`,
		Example: `  tallystick shovel
  tallystick shovel --config /etc/xrootd-monitoring-shoveler/config.yaml
  SHOVELER_AMQP_URL=amqps://broker.example.org/xrd SHOVELER_QUEUE_DIRECTORY=/var/spool/xrd tallystick shovel
  tallystick shovel --set 'to={serve: {http: {url: "https://tallystick.example.org/api/v1/packets", token_file: token}}}'`,
		Args: cobra.NoArgs,
		RunE: a.staying(func(cmd *cobra.Command) error {
			cfg, err := a.loadShovel()
			if err != nil {
				return err
			}
			return a.shovel(cmd.Context(), cfg)
		}),
	})
	cmd.AddCommand(a.shovelStatusCommand(), a.shovelCheckCommand(), a.shovelKeysCommand())
	return cmd
}

// shovelConfigured adds the flags that say where the shovel's configuration comes from.
func (a *app) shovelConfigured(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&a.sources.File, "config", "c", "",
		"configuration `file`, YAML or JSON (default $"+config.ShovelFileVariable+", else "+fieldFile+" if it is there)")
	cmd.Flags().StringArrayVar(&a.sources.Settings, "set", nil,
		"set one `key=value`, over file and environment; tallystick shovel keys lists them")
	return cmd
}

func (a *app) shovelCheckCommand() *cobra.Command {
	return a.shovelConfigured(&cobra.Command{
		Use:   "check",
		Short: "Print the configuration as it came out of file, environment and settings",
		Long: `Print the configuration as it came out of file, environment and settings, as YAML and
without passwords. If anything is wrong with it, print all of that instead and exit with 2.`,
		Args: cobra.NoArgs,
		RunE: a.entering(func(*cobra.Command) error {
			cfg, err := a.loadShovel()
			if err != nil {
				return err
			}
			text, err := cfg.YAML()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(text)
			return err
		}),
	})
}

func (a *app) shovelKeysCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keys",
		Short: "List all keys with their variables and defaults",
		Args:  cobra.NoArgs,
		RunE:  a.entering(func(*cobra.Command) error { return a.listKeys(config.ShovelKeys()) }),
	}
}

func (a *app) loadShovel() (config.Shovel, error) {
	s := a.sources
	if s.File == "" && os.Getenv(config.ShovelFileVariable) == "" {
		if _, err := os.Stat(fieldFile); err == nil {
			s.File = fieldFile
		}
	}
	return config.LoadShovel(s)
}

// shovel makes a shovel of the configuration and runs it until ctx ends.
func (a *app) shovel(ctx context.Context, cfg config.Shovel) error {
	if cfg.Debug {
		cfg.Log.Level = slog.LevelDebug
	}
	ctx, stop := untilHangup(ctx)
	defer stop()
	opened, err := logs.Open(cfg.Log, a.stderr)
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
	log.Info("shoveling", "udp", s.Addrs(), "metrics", s.MetricsAddr(), "queue", cfg.QueueDirectory, "version", version)
	manager := &systemd.Service{Alive: s.Alive, Status: func() string { return s.Line(ctx) }, Log: log}
	var g run.Group
	g.Add("hangups", func(ctx context.Context) error { return onHangup(ctx, func() { manager.Reload(opened.Rotate) }) })
	g.Add("shovel", func(ctx context.Context) error { return s.Run(ctx, manager) })
	if err = g.Run(ctx); err == nil {
		log.Info("stopped; what was not sent is in the queue")
	}
	return err
}

const (
	// garbagePercent is how much garbage may gather in a shovel, which has a machine to share
	// with the server that it is beside.
	garbagePercent = 50
	// Above ownMemory and, for each output, outputMemory, in bytes, the garbage collector works
	// more. It is above what 30,000 datagrams a second need, but not when what has waited goes out:
	// that takes about twice the processor time, and 58 to 71 MiB instead of 90 to 95
	// (benchmarks/README.md, the shovel).
	ownMemory, outputMemory = 56 << 20, 8 << 20
)

// sparing has the garbage collector keep memory small, unless GOMEMLIMIT says how small, until
// the function that it returns is called.
func sparing(outputs int) (end func()) {
	percent, limit := debug.SetGCPercent(garbagePercent), debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		debug.SetMemoryLimit(ownMemory + int64(outputs)*outputMemory)
	}
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
