package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/config"
	"tallystick/internal/durable"
	"tallystick/internal/httpapi"
	"tallystick/internal/logs"
	"tallystick/internal/metric"
	"tallystick/internal/replay"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
	"tallystick/internal/wal"
)

// A replaying is one `tallystick replay`.
type replaying struct {
	dirs     []string
	from, to string
	files    replay.Files
	options  validate.Options
	form     string
	url      string // of a server to feed
	token    string

	tokenFile string
}

func (a *app) replayCommand() *cobra.Command {
	var r replaying
	cmd := a.configured(&cobra.Command{
		Use:   "replay [DIR…]",
		Short: "Make the validation report again from what was kept, without a server",
		Long: `Read the packets and claims that a server kept, put them through the same collector and
validator, and print the report that GET /api/v1/validation of that server gives.

A DIR is an archive or a data folder (checkpoints and log). Without one it is those of
the configuration. Nothing in them is changed; a server may run on them meanwhile.

Times are Unix seconds, dates (2026-11-25), or 2026-11-25T14:00:00Z. Packets that came
up to collect.idle before --from are replayed too, since what they opened may be open.

With --feed, packets and claims are sent to a running server instead, which takes them
as if they came now.

It exits with 1 if something could not be read; the report has what could.`,
		Example: `  tallystick replay --config configs/site.yaml --run 2026-11-25-a
  tallystick replay --from 2026-11-01 --to 2026-11-08 --format csv /srv/archive
  tallystick replay --feed http://127.0.0.1:8080 --token-file writer.jwt /srv/archive`,
	})
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error {
		r.dirs = dirs
		return a.Entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.Sources)
			if err != nil {
				return err
			}
			return a.replay(cmd.Context(), cfg, r)
		})(cmd, dirs)
	}
	r.selecting(cmd, "json")
	f := cmd.Flags()
	f.StringVar(&r.url, "feed", "", "send everything to the server at this `URL` instead")
	f.StringVar(&r.tokenFile, "token-file", "", "`file` with the token of a writer, for --feed")
	return cmd
}

// replay replays, and prints the report.
func (a *app) replay(ctx context.Context, cfg config.Config, r replaying) error {
	if r.url != "" {
		return a.feedAll(ctx, cfg, r)
	}
	p, damaged, err := a.replayed(ctx, cfg, &r)
	if err != nil {
		return err
	}
	report := validate.Books(p.Ledger, reportOptions(cfg, r.options))
	report.Unread = damaged
	return errors.Join(httpapi.WriteReport(a.Stdout, r.form, report), unknown(p.Ledger, report.Selection), unread(damaged))
}

// unread is the error of what could not be read.
func unread(damaged int) error {
	if damaged == 0 {
		return nil
	}
	return fmt.Errorf("%d lines or pieces could not be read: they are left out", damaged)
}

// feedAll sends everything to a server.
func (a *app) feedAll(ctx context.Context, cfg config.Config, r replaying) error {
	if err := a.parseFlags(&r); err != nil {
		return err
	}
	token, err := os.ReadFile(r.tokenFile)
	if err != nil {
		return a.Usage("--token-file: %w", err)
	}
	r.token = strings.TrimSpace(string(token))
	sources := replaySources{app: a, cfg: cfg}
	defer sources.close()
	if err := sources.open(ctx, &r); err != nil {
		return err
	}
	if err := a.feed(ctx, &sources, r); err != nil {
		return err
	}
	sources.tellRest()
	return unread(sources.damaged)
}

// reportOptions returns o with what the configuration says of reports.
func reportOptions(cfg config.Config, o validate.Options) validate.Options {
	o.Reconcile = cfg.Reconcile
	return cfg.Validation.Apply(o)
}

// span returns the range of packets that a report of o needs.
func span(o validate.Options, idle time.Duration) (from, to int64) {
	from, to = -1<<62, 1<<62
	if o.From != 0 {
		from = o.From - int64(idle/time.Second)
	}
	if o.To != 0 {
		to = o.To + int64(idle/time.Second) // a record that comes late, and the end of what is open then
	}
	return from, to
}

// parseTime returns the Unix second that a flag says, 0 for none.
func parseTime(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time such as 1800000000, 2026-11-25 or 2026-11-25T14:00:00Z", s)
}

// replayProgress tells one who waits how far it is.
type replayProgress struct {
	out  io.Writer
	next time.Time
	n    int
}

func (t *replayProgress) tell(p *replay.Player) {
	if t.n++; t.n%1000 != 0 {
		return
	}
	if now := time.Now(); now.After(t.next) {
		t.next = now.Add(progressEvery)
		packets, claims, _ := p.Counts()
		fmt.Fprintf(t.out, "%d packets, %d claims, at %s\n", packets, claims, p.At().UTC().Format(time.RFC3339))
	}
}

// replaySources are what is replayed, oldest first.
type replaySources struct {
	app *app
	cfg config.Config
	all []replay.Source

	archives []*replay.Archive
	closers  []func()
	damaged  int
}

func (s *replaySources) close() {
	for _, c := range s.closers {
		c()
	}
}

// open opens the folders and files, or the folders of the configuration. Archives come
// first, since what is in them is older.
func (s *replaySources) open(ctx context.Context, r *replaying) error {
	dirs := r.dirs
	if len(r.files.PacketFiles)+len(r.files.ClaimFiles) > 0 {
		r.files.Stdin, r.files.Damaged = s.app.Stdin, func(err error) { s.tell("%v", err) }
		s.all = append(s.all, r.files)
	} else if len(dirs) == 0 {
		return errors.Join(s.archive(ctx, s.cfg.Archive), s.data(s.cfg.Checkpoint.Dir, s.cfg.WAL.Dir))
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			return err
		}
		if err := s.archive(ctx, archive.Config{Dir: dir}); err != nil {
			return err
		}
	}
	for _, dir := range dirs {
		if err := s.data(dir, filepath.Join(dir, "log")); err != nil {
			return err
		}
	}
	return nil
}

// archive opens an archive, if there is one with anything in it.
func (s *replaySources) archive(ctx context.Context, c archive.Config) error {
	if !c.On() {
		return nil
	}
	target, err := c.Target(durable.OS{})
	if err != nil {
		return err
	}
	of, err := replay.OpenArchive(ctx, archive.Open(target, func(file string, err error) { s.tell("archive: %s: %v", file, err) }))
	if err != nil || of.Days() == 0 {
		return err
	}
	s.all, s.archives = append(s.all, of), append(s.archives, of)
	return nil
}

// data opens a data folder: its checkpoints, and the log behind them.
func (s *replaySources) data(dir, log string) error {
	table, err := metric.NewTable(nil)
	if err != nil {
		return err
	}
	d := checkpoint.New(checkpoint.Config{Dir: dir}, durable.OS{}, checkpoint.Parts{Table: table}, logs.To(s.app.Stderr, s.cfg.Log).Logger)
	v, err := d.View(func(folder, file string, err error) { s.tell("checkpoint %s: %s: %v", folder, file, err) })
	if err != nil {
		return err
	}
	s.closers = append(s.closers, v.Close)
	records := func(yield func(wal.Record, error) bool) {
		wal.Read(durable.OS{}, log, v.Log(), 0, func(d wal.Damage) {
			if !d.Tail { // what is being written, or a crash left
				s.tell("%s", d.String())
			}
		})(yield)
	}
	for _, source := range []replay.Source{v, replay.Log{Records: records}} {
		for _, a := range s.archives {
			source = a.Beside(source)
		}
		s.all = append(s.all, source)
	}
	return nil
}

// toldMost is how many pieces that are damaged are told, as fit on a screen; all are counted.
const toldMost = 20

func (s *replaySources) tell(format string, args ...any) {
	if s.damaged++; s.damaged <= toldMost {
		fmt.Fprintf(s.app.Stderr, format+"\n", args...)
	}
}

func (s *replaySources) tellRest() {
	if s.damaged > toldMost {
		fmt.Fprintf(s.app.Stderr, "… and %d more\n", s.damaged-toldMost)
	}
}

// feedBatch is how many packets or claims are sent at once.
const feedBatch = 500

// feed sends everything to a server.
func (a *app) feed(ctx context.Context, s *replaySources, r replaying) error {
	packets, claims := 0, 0
	from, to := span(r.options, s.cfg.Collect.Idle)
	for _, source := range s.all {
		var list []*transfer.Claim
		for c, err := range source.Claims(ctx, from, to) {
			if err != nil {
				return err
			}
			if list = append(list, c); len(list) == feedBatch {
				if err := r.post(ctx, "/api/v1/claims", list); err != nil {
					return err
				}
				list = list[:0]
			}
			claims++
		}
		if err := r.post(ctx, "/api/v1/claims", list); err != nil {
			return err
		}
		n, err := r.feedPackets(ctx, source.Packets(ctx, from, to))
		if packets += n; err != nil {
			return err
		}
	}
	fmt.Fprintf(a.Stderr, "sent %d packets and %d claims\n", packets, claims)
	return nil
}

// A message is a packet as a shoveler of ours sends it.
type message struct {
	Remote  string `json:"remote"`
	Version string `json:"version"`
	Data    []byte `json:"data"`
	Arrival int64  `json:"arrival_ns"`
}

func (r *replaying) feedPackets(ctx context.Context, packets iter.Seq2[checkpoint.Packet, error]) (n int, err error) {
	var list []message
	for k, err := range packets {
		if err != nil {
			return n, err
		}
		list = append(list, message{k.Remote, version, k.Data, cmp.Or(k.Arrival, k.At.UnixNano())})
		if n++; len(list) == feedBatch {
			if err := r.post(ctx, "/api/v1/packets", list); err != nil {
				return n, err
			}
			list = list[:0]
		}
	}
	return n, r.post(ctx, "/api/v1/packets", list)
}

// post sends a list. What the server refuses, it refused when it came: only that it
// cannot take anything is an error.
func (r *replaying) post(ctx context.Context, path string, list any) error {
	body, err := json.Marshal(list)
	if err != nil || len(body) <= len("null") {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(r.url, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.token)
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err == nil && res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadRequest {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, text)
	}
	return err
}
