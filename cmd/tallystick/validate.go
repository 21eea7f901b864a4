package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/audit"
	"tallystick/internal/cli"
	"tallystick/internal/config"
	"tallystick/internal/httpapi"
	"tallystick/internal/phase"
	"tallystick/internal/replay"
	"tallystick/internal/settings"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// A validating is one `tallystick validate`.
type validating struct {
	replaying

	phase1, phase2 string // folders of earlier validations
	against        string // file of records
	export         string // folder
	exportPhase    int
}

func (a *app) validateCommand() *cobra.Command {
	var v validating
	cmd := a.configured(&cobra.Command{
		Use:   "validate [DIR…]",
		Short: "Lay claims beside what the monitoring told, and judge other accounts of it",
		Long: `Lay what clients claim beside what servers' monitoring told, from archives, data folders
or plain files, and print the report.

  --against FILE   check the records of another collector (Python, Go or WLCG form, one a
                   line) against ours and the claims: what it got wrong, by line
  --phase1 DIR     judge the files of the first validation (NAME_requested.json and
                   NAME_recorded.txt): as they were judged then, and as they are now
  --phase2 DIR     the same of the second one (NAME_req.json and NAME_rec.json)
  --export DIR     write the runs of the report in the form of those files

What is judged with --against, --phase1 and --phase2 is printed as text, json or csv.

A DIR is an archive or a data folder, as for replay; without one, and without --packets,
it is those of the configuration. Nothing in them is changed. Lines of files that are
no packets or claims are told by their place, counted, and left out.

It exits with 1 if something could not be read, if nothing has the run, server or client
that is asked for, or if any verdict is unexplained (with
--against, --phase1 and --phase2 only for the former: what is wrong there is the result).`,
		Example: `  tallystick validate --packets packets.jsonl --claims claims.jsonl
  tallystick validate --against records.jsonl --packets packets.jsonl
  tallystick validate --phase1 validation/phase1`,
	})
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error {
		v.dirs = dirs
		return a.Entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.Sources)
			if err != nil {
				return err
			}
			return a.validate(cmd.Context(), cfg, v)
		})(cmd, dirs)
	}
	v.selecting(cmd, "text")
	f := cmd.Flags()
	f.StringVar(&v.against, "against", "", "check the records in this `file`")
	f.StringVar(&v.phase1, "phase1", "", "judge the files of the first validation below this `folder`")
	f.StringVar(&v.phase2, "phase2", "", "judge the files of the second validation below this `folder`")
	f.StringVar(&v.export, "export", "", "write the runs of the report into this `folder`")
	f.IntVar(&v.exportPhase, "export-phase", 1, "in the form of this `phase`")
	cmd.MarkFlagsMutuallyExclusive("against", "phase1", "phase2", "export")
	return cmd
}

func (a *app) validate(ctx context.Context, cfg config.Config, v validating) error {
	switch {
	case v.phase1 != "":
		return a.judge(v.phase1, 1, v.form)
	case v.phase2 != "":
		return a.judge(v.phase2, 2, v.form)
	case v.against != "" && v.form != "text" && v.form != "json" && v.form != "csv":
		return a.Usage("--format: %q is none of text, json, csv", v.form)
	case v.export != "" && v.exportPhase != 1 && v.exportPhase != 2:
		return a.Usage("--export-phase: %d is none of 1, 2", v.exportPhase)
	}
	p, damaged, err := a.replayed(ctx, cfg, &v.replaying)
	if err != nil {
		return err
	}
	options := reportOptions(cfg, v.options)
	if v.against != "" {
		err = a.auditFile(v, p, options)
	} else {
		r := validate.Books(p.Ledger, options)
		r.Unread = damaged
		err = errors.Join(a.report(v, r), unknown(p.Ledger, r.Selection))
	}
	return errors.Join(err, unread(damaged))
}

// report prints a report, or writes it as files.
func (a *app) report(v validating, r *validate.Report) error {
	if v.export == "" {
		if err := httpapi.WriteReport(a.Stdout, v.form, r); err != nil {
			return err
		}
	} else if err := export(v.export, v.exportPhase, r); err != nil {
		return err
	}
	n := 0
	for i := range r.Verdicts {
		if r.Verdicts[i].Cause == transfer.CauseUnexplained {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("%d verdicts are unexplained", n)
	}
	return nil
}

// export writes the runs of a report as an earlier validation's files. One that is
// there already is not written over.
func export(dir string, form int, r *validate.Report) error {
	files, err := phase.Write(r, form)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, f := range files {
		out, err := os.OpenFile(filepath.Join(dir, f.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if err != nil {
			return err
		}
		_, err = out.Write(f.Data)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// auditFile checks the records of a file.
func (a *app) auditFile(v validating, p *replay.Player, o validate.Options) error {
	f, err := os.Open(v.against)
	if err != nil {
		return err
	}
	defer f.Close()
	records, bad, err := audit.Read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", v.against, err)
	}
	r := audit.Run(records, bad, validate.All(p.Ledger), o)
	write := map[string]func(io.Writer, *audit.Report) error{"text": audit.WriteTable, "json": audit.WriteJSON, "csv": audit.WriteCSV}[v.form]
	if err := write(a.Stdout, r); err != nil {
		return err
	}
	switch {
	case len(bad) > 0:
		return fmt.Errorf("%s: %d lines are no records", v.against, len(bad))
	case len(records) == 0:
		return fmt.Errorf("%s has no records", v.against)
	}
	return nil
}

// judge judges the files of an earlier validation.
func (a *app) judge(dir string, of int, form string) error {
	write := map[string]func(io.Writer, []phase.Result) error{"text": phase.WriteTable, "json": phase.WriteJSON, "csv": phase.WriteCSV}[form]
	if write == nil {
		return a.Usage("--format: %q is none of text, json, csv", form)
	}
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	tests, readErr := phase.Read(os.DirFS(dir))
	tests = slices.DeleteFunc(tests, func(t phase.Test) bool { return t.Phase != of })
	if len(tests) == 0 && readErr == nil {
		return fmt.Errorf("%s: no files of phase %d are there", dir, of)
	}
	return errors.Join(write(a.Stdout, phase.Judge(tests)), readErr)
}

// selecting adds the flags that say what is replayed, and what is reported of it.
func (r *replaying) selecting(cmd *cobra.Command, form string) {
	f := cmd.Flags()
	f.StringVar(&r.from, "from", "", "only what was open at this `time` or later")
	f.StringVar(&r.to, "to", "", "only what was open before this `time`")
	f.StringVar(&r.options.Run, "run", "", "only claims of this run, and what is extra on its servers")
	f.StringVar(&r.options.Server, "server", "", "only this server")
	f.StringVar(&r.options.Client, "client", "", "only this client")
	f.Func("slack", "clocks may be so far apart (a `duration`; else as configured)", r.byDuration(validate.Options.WithSlack))
	f.Func("late", "records may come so long after the end of an access (a `duration`; else as configured)", r.byDuration(validate.Options.WithLate))
	f.Func("tolerance-bytes", "bytes may differ by so `many`; with this or the next, what is configured does not count", func(s string) (err error) {
		t := r.options.Tolerance
		if t.Bytes, err = strconv.ParseInt(s, 10, 64); err != nil {
			return err
		}
		r.options, err = r.options.WithTolerance(t)
		return err
	})
	f.Func("tolerance-share", "bytes may differ by this `share` of what is claimed", func(s string) (err error) {
		t := r.options.Tolerance
		if t.Share, err = strconv.ParseFloat(s, 64); err != nil {
			return err
		}
		r.options, err = r.options.WithTolerance(t)
		return err
	})
	cli.Duration(cmd, &r.options.Step, "step", 0, "of a bin of time, or more if that makes too many")
	f.StringVar(&r.form, "format", form, "of the report: "+strings.Join(httpapi.ReportForms(), ", "))
	f.StringArrayVar(&r.files.PacketFiles, "packets", nil, "a `file` of packets, one a line, as shovelers send them; - is standard input")
	f.StringArrayVar(&r.files.ClaimFiles, "claims", nil, "a `file` of claims, one a line; - is standard input")
}

// byDuration returns what sets a flag that is a duration.
func (r *replaying) byDuration(with func(validate.Options, time.Duration) (validate.Options, error)) func(string) error {
	return func(s string) error {
		d, err := settings.ParseDuration(s)
		if err == nil {
			r.options, err = with(r.options, d)
		}
		return err
	}
}

// replayed replays everything that r names.
func (a *app) replayed(ctx context.Context, cfg config.Config, r *replaying) (p *replay.Player, damaged int, err error) {
	if !slices.Contains(httpapi.ReportForms(), r.form) {
		return nil, 0, a.Usage("--format: %q is none of %v", r.form, httpapi.ReportForms())
	}
	if err := a.parseFlags(r); err != nil {
		return nil, 0, err
	}
	if p, err = replay.New(cfg.Collect, cfg.Ledger); err != nil {
		return nil, 0, err
	}
	sources := replaySources{app: a, cfg: cfg}
	defer sources.close()
	if err := sources.open(ctx, r); err != nil {
		return nil, 0, err
	}
	t := replayProgress{out: a.Stderr, next: time.Now().Add(progressEvery)}
	from, to := span(r.options, cfg.Collect.Idle)
	for _, source := range sources.all {
		if err := p.Play(ctx, source, from, to, func() { t.tell(p) }); err != nil {
			return nil, 0, err
		}
	}
	if !p.At().IsZero() {
		p.Advance(time.Now()) // as a server would that still runs
	}
	sources.tellRest()
	packets, claims, refused := p.Counts()
	fmt.Fprintf(a.Stderr, "replayed %d packets and %d claims, of which %d were refused, as they were then\n", packets, claims, refused)
	if packets == 0 && claims == 0 && sources.damaged == 0 {
		fmt.Fprintln(a.Stderr, "nothing was found: is that an archive or a data folder, and was it at that time?")
	}
	r.options.Now = float64(time.Now().Unix())
	return p, sources.damaged, nil
}

// parseFlags reads times, and checks the names of files.
func (a *app) parseFlags(r *replaying) (err error) {
	if in := slices.Concat(r.files.PacketFiles, r.files.ClaimFiles); len(in)-len(slices.DeleteFunc(in, isStdin)) > 1 {
		return a.Usage("standard input (-) can be only one of --packets and --claims")
	}
	if r.options.From, err = parseTime(r.from); err != nil {
		return a.Usage("--from: %w", err)
	}
	if r.options.To, err = parseTime(r.to); err != nil {
		return a.Usage("--to: %w", err)
	}
	return nil
}

func isStdin(name string) bool { return name == "-" }
