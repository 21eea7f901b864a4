package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tallystick/internal/ccms"
)

func (a *app) convertCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Translate a configuration of cc-metric-store",
		Long: `Translate a configuration of ClusterCockpit's cc-metric-store 1.5 (config.json), and print
it with a comment for each key: what became of it, why it was dropped, or ATTENTION
where somebody must look. Those are told on stderr too, as are keys that
cc-metric-store does not have.

What is printed can be read by serve and config check as it is.`,
		Example: `  tallystick config convert /opt/cc-metric-store/config.json > configs/site.yaml
  tallystick config check --config configs/site.yaml`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.Entering(func(*cobra.Command) error { return a.convert(args[0]) })(cmd, args)
	}
	return cmd
}

func (a *app) convert(path string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c, err := ccms.Convert(file, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return os.ReadFile(name)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, text := range c.Attention {
		fmt.Fprintln(a.Stderr, "ATTENTION", text)
	}
	for _, key := range c.Unknown {
		fmt.Fprintln(a.Stderr, "unknown key, left out:", key)
	}
	_, err = a.Stdout.Write(c.YAML)
	return err
}
