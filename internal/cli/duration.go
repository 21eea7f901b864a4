package cli

import (
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/settings"
)

// Duration adds a flag that is a duration in the form of configurations, which has days.
func Duration(cmd *cobra.Command, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	cmd.Flags().Var((*duration)(p), name, usage)
}

// duration is a pflag.Value.
type duration time.Duration

// Set reads text.
func (d *duration) Set(text string) error {
	v, err := settings.ParseDuration(text)
	if err == nil {
		*d = duration(v)
	}
	return err
}

// String returns what Set reads, nothing of 0.
func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return settings.FormatDuration(time.Duration(*d))
}

// Type returns what the help calls it.
func (*duration) Type() string { return "duration" }
