package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/cli"
	"tallystick/internal/config"
	"tallystick/internal/durable"
)

// An archiving is one `tallystick archive …`.
type archiving struct {
	*app

	cfg      archive.Config
	archive  *archive.Archive
	from, to string
	json     bool
	dry      bool

	query  archive.Query
	kind   string
	format string
	output string

	damage int // pieces that could not be read
}

func (a *app) archiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "List, verify, repair, export and prune the archive",
		Long: `An archive has one folder for each day (UTC): samples for each cluster, transfers, claims
and packets, as Avro files that any Avro library reads, and a manifest.json that says
what they must be. docs/archive.md describes it.

Each command takes the folder of an archive, or without one, the archive of the
configuration: a folder or an S3 bucket. A server may run on it meanwhile.`,
		RunE: cli.Help,
	}
	cmd.AddCommand(a.archiveList(), a.archiveVerify(), a.archiveRepair(), a.archiveExport(), a.archivePrune())
	return cmd
}

// archiveSub makes one of the commands: do has the archive, and its days from --from to --to.
func (a *app) archiveSub(g *archiving, cmd *cobra.Command, do func(ctx context.Context, days []archive.Listing) error) *cobra.Command {
	a.configured(cmd)
	g.app = a
	cmd.Use += " [DIR]"
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error {
		if err := g.check(); err != nil {
			return a.Usage("%w", err)
		}
		return a.Entering(func(cmd *cobra.Command) error {
			days, err := g.open(cmd.Context(), dirs)
			if err != nil {
				return err
			}
			return do(cmd.Context(), days)
		})(cmd, dirs)
	}
	return cmd
}

// ranged adds the flags that choose days.
func (g *archiving) ranged(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&g.from, "from", "", "`time` to begin with: a date, 2026-11-25T14:00:00Z or Unix seconds")
	cmd.Flags().StringVar(&g.to, "to", "", "`time` before which to end")
	return cmd
}

// check reads the flags.
func (g *archiving) check() (err error) {
	if g.query.From, err = parseTime(g.from); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if g.query.To, err = parseTime(g.to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if g.query.From == 0 {
		g.query.From = math.MinInt64
	}
	g.query.To = cmp.Or(g.query.To, math.MaxInt64)
	if g.format == "" {
		return nil // it is not export
	}
	g.query.Kind = archive.Kind(g.kind)
	return g.query.Check(archive.Format(g.format))
}

// open opens the archive and lists its days.
func (g *archiving) open(ctx context.Context, dirs []string) ([]archive.Listing, error) {
	if len(dirs) > 0 {
		g.cfg = archive.Default()
		g.cfg.Dir = dirs[0]
	} else {
		cfg, err := config.Load(g.Sources)
		if err != nil {
			return nil, err
		}
		g.cfg = cfg.Archive
	}
	target, err := g.cfg.Target(durable.OS{})
	if err != nil {
		return nil, err
	}
	if g.cfg.S3.Bucket == "" {
		if _, err := os.Stat(g.cfg.Dir); err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
	}
	g.archive = archive.Open(target, func(file string, err error) {
		g.damage++
		fmt.Fprintf(g.Stderr, "%s: %v\n", file, err)
	})
	all, err := g.archive.Days(ctx)
	var days []archive.Listing
	for _, d := range all {
		if g.query.Wants(d.Day) {
			days = append(days, d)
		}
	}
	return days, err
}

func (a *app) archiveList() *cobra.Command {
	var g archiving
	cmd := a.archiveSub(&g, g.ranged(&cobra.Command{
		Use:   "list",
		Short: "List the days, and what they have",
		Long: `List what each day has, by kind: files, records and bytes, as the manifests tell.
Nothing else is read; verify does that.`,
		Example: `  tallystick archive list /srv/archive
  tallystick archive list --config configs/site.yaml --from 2026-11-01 --json`,
	}), func(ctx context.Context, days []archive.Listing) error { return g.list(ctx, days) })
	cmd.Flags().BoolVar(&g.json, "json", false, "print JSON")
	return cmd
}

// A listedDay is one of `archive list --json`.
type listedDay struct {
	Day     archive.Day    `json:"day"`
	Bytes   int64          `json:"bytes"`
	Kinds   []archive.Kind `json:"kinds"`
	Files   []archive.File `json:"files"`
	Problem string         `json:"problem,omitempty"`
}

func (g *archiving) list(ctx context.Context, days []archive.Listing) error {
	out := []listedDay{}
	for _, d := range days {
		day := listedDay{Day: d.Day, Bytes: d.Bytes(), Kinds: []archive.Kind{}, Files: []archive.File{}}
		m, err := g.archive.Manifest(ctx, d.Day)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			day.Problem = "no manifest"
		case err != nil:
			day.Problem = err.Error()
		default:
			day.Kinds, day.Files = m.Kinds, append(day.Files, m.Files...)
		}
		out = append(out, day)
	}
	if g.json {
		enc := json.NewEncoder(g.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	return g.table(out)
}

func (g *archiving) table(days []listedDay) error {
	w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tKIND\tFILES\tRECORDS\tBYTES\t")
	for _, d := range days {
		if d.Problem != "" {
			fmt.Fprintf(w, "%v\t%s\t\t\t%d\t\n", d.Day, d.Problem, d.Bytes)
		}
		for _, kind := range d.Kinds {
			var files, records, bytes int64
			for _, f := range d.Files {
				if f.Kind == kind {
					files, bytes = files+1, bytes+f.Bytes
					if strings.HasSuffix(f.Name, ".avro") {
						records += f.Records
					}
				}
			}
			fmt.Fprintf(w, "%v\t%s\t%d\t%d\t%d\t\n", d.Day, kind, files, records, bytes)
		}
	}
	return w.Flush()
}

func (a *app) archiveVerify() *cobra.Command {
	var g archiving
	return a.archiveSub(&g, g.ranged(&cobra.Command{
		Use:   "verify",
		Short: "Read everything, and tell what is not as it was archived",
		Long: `Read every file of the archive in full, decode every record, and compare with the
manifests: sizes, records, SHA-256. It exits with 1 if anything is wrong.`,
		Example: `  tallystick archive verify /srv/archive
  tallystick archive verify --config configs/site.yaml --from 2026-11-01 --to 2026-12-01`,
	}), func(ctx context.Context, days []archive.Listing) error { return g.verify(ctx, days) })
}

func (g *archiving) verify(ctx context.Context, days []archive.Listing) error {
	bar := newBar(g.Stderr, "verify", days)
	files, wrong, records := 0, 0, int64(0)
	for _, d := range days {
		err := g.archive.Verify(ctx, d, func(c archive.Checked) {
			bar.add(c.Bytes)
			files, records = files+1, records+c.Records
			if len(c.Problems) > 0 {
				wrong++
				bar.clear()
			}
			for _, p := range c.Problems {
				fmt.Fprintf(g.Stdout, "%s: %v\n", c.Name, p)
			}
		})
		if err != nil {
			return err
		}
	}
	bar.finish()
	fmt.Fprintf(g.Stdout, "%d days, %d files, %d records read; %d files are wrong\n", len(days), files, records, wrong)
	if wrong > 0 {
		return errors.New("the archive is damaged; tallystick archive repair makes the best of it")
	}
	return nil
}

func (a *app) archiveRepair() *cobra.Command {
	var g archiving
	return a.archiveSub(&g, g.ranged(&cobra.Command{
		Use:   "repair",
		Short: "Make of damaged files what can be made of them",
		Long: `Verify everything; make of each damaged file one with the records that can be read, and
keep it as it was beside, as <file>.damaged; make a missing or damaged manifest anew of
the files. What is right is not touched, and nothing is removed.`,
		Example: `  tallystick archive repair /srv/archive`,
	}), func(ctx context.Context, days []archive.Listing) error { return g.repair(ctx, days) })
}

func (g *archiving) repair(ctx context.Context, days []archive.Listing) error {
	mender := archive.Mender{Archive: g.archive, FS: durable.OS{}, Temp: g.cfg.TempDir()}
	bar := newBar(g.Stderr, "repair", days)
	repaired := 0
	for _, d := range days {
		err := mender.Repair(ctx, d, func(r archive.Repaired) {
			repaired++
			bar.clear()
			if r.Err != nil {
				fmt.Fprintf(g.Stdout, "%s: %v\n", r.Name, r.Err)
			}
			fmt.Fprintf(g.Stdout, "%s: %s\n", r.Name, r.Done)
		})
		if err != nil {
			return err
		}
		bar.add(d.Bytes())
	}
	bar.finish()
	fmt.Fprintf(g.Stdout, "%d days; %d repairs\n", len(days), repaired)
	return nil
}

func (a *app) archiveExport() *cobra.Command {
	var g archiving
	cmd := a.archiveSub(&g, g.ranged(&cobra.Command{
		Use:   "export",
		Short: "Write one kind of records as CSV, NDJSON or Parquet",
		Long: `Write samples, transfers, claims or packets of a range of time to standard output or a
file. Samples can be chosen by patterns such as 'node1*'.

CSV has a line for each value of a sample, and for each record of the rest. NDJSON has a
series on each line, with null where there is no value; transfers and claims are as in
the HTTP API. Parquet (samples only) has the columns of cc-metric-store's archive.

Damaged pieces are told and left out; it exits with 1 then.`,
		Example: `  tallystick archive export --kind samples --metric 'xrd_*' --from 2026-11-25 --to 2026-11-26 /srv/archive
  tallystick archive export --kind transfers --format ndjson --output transfers.ndjson /srv/archive`,
	}), func(ctx context.Context, days []archive.Listing) error { return g.export(ctx, days) })
	flags := cmd.Flags()
	flags.StringVar(&g.kind, "kind", string(checkpoint.Samples), "`kind` of records: samples, transfers, claims or packets")
	flags.StringVar(&g.query.Cluster, "cluster", "", "`pattern` of clusters")
	flags.StringVar(&g.query.Node, "node", "", "`pattern` of nodes")
	flags.StringVar(&g.query.Metric, "metric", "", "`pattern` of metrics")
	flags.StringVar(&g.format, "format", string(archive.CSV), "`format`: csv, ndjson or parquet")
	flags.StringVarP(&g.output, "output", "o", "", "`file` to write, which is there whole or not at all (default standard output)")
	return cmd
}

func (g *archiving) export(ctx context.Context, days []archive.Listing) error {
	bar := newBar(g.Stderr, "export", days)
	var n int64
	write := func(w io.Writer) (err error) {
		n, err = g.archive.Export(ctx, days, g.query, archive.Format(g.format), w, func(d archive.Listing) { bar.add(d.Bytes()) })
		return err
	}
	var err error
	if g.output == "" {
		err = write(g.Stdout)
	} else {
		err = durable.WriteFile(durable.OS{}, "export", g.output, write)
	}
	bar.finish()
	switch {
	case err != nil:
		return fmt.Errorf("export: %w", err)
	case g.damage > 0:
		return errors.New("not all could be read; tallystick archive verify tells what is wrong")
	case g.output != "":
		fmt.Fprintf(g.Stderr, "wrote %d records to %s\n", n, g.output)
	}
	return nil
}

func (a *app) archivePrune() *cobra.Command {
	var g archiving
	var keep time.Duration
	var maxBytes int64
	cmd := a.archiveSub(&g, &cobra.Command{
		Use:   "prune",
		Short: "Remove the oldest days, by the rules",
		Long: `Remove days that are older than archive.keep, and the oldest ones as long as the archive
is larger than archive.max_bytes. The newest day is never removed. Without rules,
nothing is.`,
		Example: `  tallystick archive prune --dry-run --keep 365d /srv/archive
  tallystick archive prune --config configs/site.yaml`,
	}, func(ctx context.Context, days []archive.Listing) error {
		g.cfg.Keep, g.cfg.MaxBytes = cmp.Or(keep, g.cfg.Keep), cmp.Or(maxBytes, g.cfg.MaxBytes)
		return g.prune(ctx, days)
	})
	cmd.Flags().BoolVarP(&g.dry, "dry-run", "n", false, "only tell what would be removed")
	cli.Duration(cmd, &keep, "keep", 0, "remove what is older than this `age` (default archive.keep)")
	cmd.Flags().Int64Var(&maxBytes, "max-bytes", 0, "remove the oldest days above this `size` (default archive.max_bytes)")
	return cmd
}

func (g *archiving) prune(ctx context.Context, days []archive.Listing) error {
	if g.cfg.Keep < 0 || g.cfg.MaxBytes < 0 {
		return g.Usage("--keep and --max-bytes are not less than 0")
	}
	now := time.Now()
	verb := "would remove"
	prunable := g.cfg.Prunable(days, now)
	var err error
	if !g.dry {
		verb = "removed"
		var gone []archive.Day
		gone, err = g.archive.Prune(ctx, g.cfg, now)
		prunable = prunable[:min(len(gone), len(prunable))]
	}
	var bytes int64
	for _, d := range prunable {
		fmt.Fprintf(g.Stdout, "%s %v: %d files, %d bytes\n", verb, d.Day, len(d.Objects), d.Bytes())
		bytes += d.Bytes()
	}
	fmt.Fprintf(g.Stdout, "%s %d of %d days, %d bytes\n", verb, len(prunable), len(days), bytes)
	return err
}
