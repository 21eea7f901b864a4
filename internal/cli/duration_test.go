package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/cli"
)

// Ensure a flag that is a duration takes what a configuration does, and shows its default so.
func TestDuration(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		var got time.Duration
		cmd := &cobra.Command{Use: "x"}
		cli.Duration(cmd, &got, "ttl", 36*time.Hour, "how long")
		err := cmd.ParseFlags([]string{"--ttl", text})
		if (err == nil) != (want != 0) || want != 0 && got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	f("30d", 30*24*time.Hour)
	f("90m", 90*time.Minute)
	f("30", 0)
	f("1w", 0)
	var zero, day time.Duration
	cmd := &cobra.Command{Use: "x"}
	cli.Duration(cmd, &zero, "zero", 0, "nothing")
	cli.Duration(cmd, &day, "day", 48*time.Hour, "two")
	usage := cmd.Flags().FlagUsages()
	if !strings.Contains(usage, "--day duration    two (default 2d)") || strings.Count(usage, "default") != 1 || day != 48*time.Hour {
		t.Errorf("got %v and\n%s", day, usage)
	}
}
