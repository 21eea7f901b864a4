package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"tallystick/internal/ccms"
	"tallystick/internal/config"
	"tallystick/internal/logs"
	"tallystick/internal/store"
)

// An importing is one `tallystick import`.
type importing struct {
	dirs  []string
	types []string
	dry   bool
}

func (a *app) importCommand() *cobra.Command {
	var i importing
	cmd := a.configured(&cobra.Command{
		Use:   "import DIR…",
		Short: "Take over the checkpoints of a cc-metric-store",
		Long: `Read the checkpoints of ClusterCockpit's cc-metric-store, <DIR>/<cluster>/<host>/ with
JSON or binary snapshots and a current.wal, and add their samples to the newest
checkpoint of this configuration's data folder. Nothing in DIR is changed. No server
may run on the data folder meanwhile.

The samples get the times that they had when they came: half a step earlier than
cc-metric-store shows them after a restart. What is in the data folder already stays,
so that an import can be repeated. Samples that the server would not keep (retention,
store.max_bytes) or does not know (metrics; ingest.learn) are told, not taken.

Files that are damaged are used as far as they can be read, and told. It exits with 1
if a DIR has no checkpoints, and if there was no memory for all samples.`,
		Example: `  tallystick import --config configs/cc-metric-store.yaml --dry-run /opt/cc-metric-store/var/checkpoints
  tallystick import --config configs/cc-metric-store.yaml /opt/cc-metric-store/var/checkpoints`,
	})
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error {
		i.dirs = dirs
		return a.Entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.Sources)
			if err != nil {
				return err
			}
			return a.importAll(cmd.Context(), cfg, i)
		})(cmd, dirs)
	}
	cmd.Flags().BoolVarP(&i.dry, "dry-run", "n", false, "read everything and tell, but neither touch nor look at the data folder")
	cmd.Flags().StringSliceVar(&i.types, "type", nil,
		"`type` whose ids are any text, to find both in the name of a level such as \"lustrehome\"; can be given more than once")
	return cmd
}

// importAll imports all folders, and saves.
func (a *app) importAll(ctx context.Context, cfg config.Config, i importing) error {
	cfg.Log.Level = max(cfg.Log.Level, slog.LevelWarn) // the rest is said in the summary
	s := &server{cfg: cfg, log: logs.To(a.Stderr, cfg.Log).Logger, registry: prometheus.NewRegistry()}
	defer s.close()
	if i.dry {
		s.cfg.Checkpoint.Dir = "" // which is not used: a slip would show
		if err := s.makeStore(); err != nil {
			return err
		}
	} else if err := s.makeOffline(ctx); err != nil {
		return err
	}
	full := false
	for _, dir := range i.dirs {
		r, err := a.importDir(ctx, s, dir, i)
		if err != nil {
			return fmt.Errorf("import %s: %w; nothing was saved", dir, err)
		}
		full = full || r.Refused[ccms.ReasonMemory] != nil
	}
	if !i.dry {
		info, err := s.checkpoints.Save(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Stdout, "saved %s: %d blocks, %d bytes\n", info.Path, info.Blocks, info.Bytes)
	}
	if full {
		return errors.New("there was no memory for all samples: raise store.max_bytes and import once more")
	}
	return nil
}

// makeOffline makes the state of a server that does not serve.
func (s *server) makeOffline(ctx context.Context) error {
	for _, step := range []func() error{
		s.lockFolders, s.makeState,
		func() error { return s.restore(ctx) }, func() error { return s.fill(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) makeStore() (err error) {
	if s.table, err = s.cfg.MetricTable(); err == nil {
		s.store = store.New(s.table, s.cfg.Store)
	}
	return err
}

func (a *app) importDir(ctx context.Context, s *server, dir string, i importing) (*ccms.Report, error) {
	now := time.Now()
	p := progress{out: a.Stderr, next: now.Add(progressEvery)}
	im := ccms.Importer{
		Store: s.store, Table: s.table, Types: i.types,
		Oldest:   func(cluster, metric string) int64 { return now.Add(-s.cfg.Retention.Keep(cluster, metric)).Unix() },
		Newest:   now.Add(s.cfg.Ingest.Future).Unix(),
		Progress: func(done, hosts int, r *ccms.Report) { p.tell(time.Now(), done, hosts, r) },
	}
	r, err := im.Import(ctx, os.DirFS(dir))
	a.tellImport(dir, r)
	return r, err
}

// progressEvery is how often one who waits is told how far it is.
const progressEvery = 2 * time.Second

type progress struct {
	out  io.Writer
	next time.Time
}

func (p *progress) tell(now time.Time, done, hosts int, r *ccms.Report) {
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	fmt.Fprintf(p.out, "%d of %d hosts, %d samples\n", done, hosts, r.Taken)
}

// tellImport prints what came out: the numbers, and what is wrong.
func (a *app) tellImport(dir string, r *ccms.Report) {
	for _, p := range r.Problems {
		fmt.Fprintf(a.Stderr, "%s: %v\n", p.Place, p.Err)
	}
	if r.More > 0 {
		fmt.Fprintf(a.Stderr, "… and %d more\n", r.More)
	}
	out := a.Stdout
	fmt.Fprintf(out, "%s: %d clusters, %d hosts, %d files\n", dir, r.Clusters, r.Hosts, r.Files)
	fmt.Fprintf(out, "  taken: %d samples of %d series\n", r.Taken, r.Series)
	if r.There > 0 {
		fmt.Fprintf(out, "  there already: %d samples\n", r.There)
	}
	if r.Repeats > 0 {
		fmt.Fprintf(out, "  several of one slot, which became one: %d samples\n", r.Repeats)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Refused)) {
		u := r.Refused[reason]
		fmt.Fprintf(out, "  refused, %s: %d samples; the first in %s\n", reason, u.Samples, u.First)
	}
	if r.Refused[ccms.ReasonOld] != nil {
		fmt.Fprintln(out, "    (see retention.memory and retention.rules)")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Steps)) {
		fmt.Fprintf(out, "  metric %s: its step was %d s there\n", name, r.Steps[name])
	}
	a.tellUnknown(r)
}

// tellUnknown prints the unknown metrics as the configuration that would take them.
func (a *app) tellUnknown(r *ccms.Report) {
	if len(r.Unknown) == 0 {
		return
	}
	fmt.Fprintln(a.Stdout, "  refused, unknown metrics; to take them, set ingest.learn.step, or add, with the aggregation that is right:")
	fmt.Fprintln(a.Stdout, "    metrics:")
	for _, name := range slices.Sorted(maps.Keys(r.Unknown)) {
		u := r.Unknown[name]
		step := u.Step
		if step == 0 {
			step = 60
		}
		fmt.Fprintf(a.Stdout, "      %q: {step: %ds, aggregation: none} # %d samples\n", name, step, u.Samples)
	}
}
