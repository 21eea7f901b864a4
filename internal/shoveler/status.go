package shoveler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/shovel"
)

// statusTime is how long a shovel may take to answer, and maxStatus how much, in bytes.
const (
	statusTime = 10 * time.Second
	maxStatus  = 16 << 20
)

func (a *app) statusCommand() *cobra.Command {
	var raw bool
	cmd := a.configured(&cobra.Command{
		Use:   "status",
		Short: "Tell how a running shovel is doing",
		Long: `Ask the shovel that runs with the same configuration, at metrics.port, how it is doing: what
waits in its queue, how far its outputs are, which servers send and what was lost on the
way from them. It exits with 1 if the shovel does not answer, its queue cannot be written,
or an output cannot send.`,
		Args: cobra.NoArgs,
		RunE: a.Entering(func(cmd *cobra.Command) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return a.status(cmd.Context(), cfg, raw)
		}),
	})
	cmd.Flags().BoolVar(&raw, "json", false, "print it as JSON")
	return cmd
}

func (a *app) status(ctx context.Context, cfg Config, raw bool) error {
	s, err := ask(ctx, cfg)
	if err != nil {
		return err
	}
	if raw {
		e := json.NewEncoder(a.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(s)
	} else {
		err = tell(a.Stdout, s, time.Now())
	}
	return errors.Join(err, trouble(s))
}

// ask asks the shovel of a configuration how it is doing.
func ask(ctx context.Context, cfg Config) (s shovel.Status, err error) {
	address := cfg.Config().Metrics
	if address == "" {
		return s, errors.New("metrics.enable is false: the shovel has no port to be asked at")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return s, fmt.Errorf("metrics: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	url := "http://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port) + "/status"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return s, err
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return s, fmt.Errorf("no shovel answers: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s answers %s: is that a shovel?", url, res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxStatus)).Decode(&s); err != nil {
		return s, fmt.Errorf("%s answers something else: %w", url, err)
	}
	return s, nil
}

// trouble returns an error if the shovel cannot do all of its work.
func trouble(s shovel.Status) error {
	var errs []error
	if !s.Queue.OK {
		errs = append(errs, fmt.Errorf("datagrams are dropped: %s", s.Queue.Problem))
	}
	for _, o := range s.Outputs {
		if o.Problem != "" {
			errs = append(errs, fmt.Errorf("output %s cannot send: %s", o.Name, o.Problem))
		}
	}
	return errors.Join(errs...)
}

// tell writes a status for people.
func tell(out io.Writer, s shovel.Status, now time.Time) error {
	ago := func(t time.Time) string { return now.Sub(t).Round(time.Second).String() }
	fmt.Fprintf(out, "shovel %s, running for %s\n", s.ID, ago(s.Since))
	oldest := "nothing waits"
	if s.Queue.Oldest != nil && slices.ContainsFunc(s.Outputs, func(o shovel.OutputStatus) bool { return o.Waiting > 0 }) {
		oldest = "the oldest of " + ago(*s.Queue.Oldest) + " ago"
	}
	fmt.Fprintf(out, "queue  %.1f of %.0f MiB, %s\n\n", mib(s.Queue.Bytes), mib(s.Queue.MaxBytes), oldest)

	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OUTPUT\tWAITING\tTO\tPROBLEM")
	for _, o := range s.Outputs {
		problem := ""
		if o.Problem != "" && o.Since != nil {
			problem = "for " + ago(*o.Since) + ": " + o.Problem
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", o.Name, o.Waiting, o.To, problem)
	}
	fmt.Fprintln(w, "\nSERVER\tDATAGRAMS\tBYTES\tLOST ON THE WAY\tLAST")
	for _, v := range s.Servers {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s ago\n", v.Address, v.Packets, v.Bytes, v.Gaps, ago(v.Last))
	}
	return w.Flush()
}

func mib[N uint64 | int64](bytes N) float64 { return float64(bytes) / (1 << 20) }
