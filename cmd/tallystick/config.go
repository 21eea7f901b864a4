package main

import (
	"github.com/spf13/cobra"

	"tallystick/internal/cli"
	"tallystick/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the configuration, or make one",
		Args:  cobra.NoArgs,
		RunE:  cli.Help,
	}
	check := a.configured(&cobra.Command{
		Use:   "check",
		Short: "Print the configuration as it came out of file, environment and settings",
		Long: `Print the configuration as it came out of file, environment and settings, as YAML.
If anything is wrong with it, print all of that instead and exit with 2: also what
is wrong with the files of keys, certificates and secrets, without which serve does
not start. Run it as who the server runs as. Nothing secret is printed.`,
		Example: `  tallystick config check --config configs/site.yaml
  tallystick config check --set data_dir=/var/lib/tallystick`,
		Args: cobra.NoArgs,
		RunE: a.Entering(func(*cobra.Command) error { return a.checkConfig() }),
	})
	keys := &cobra.Command{
		Use:   "keys",
		Short: "List all keys with their variables and defaults",
		Args:  cobra.NoArgs,
		RunE:  a.Entering(func(*cobra.Command) error { return a.ListKeys(config.Keys()) }),
	}
	cmd.AddCommand(check, keys, a.convertCommand())
	return cmd
}

func (a *app) checkConfig() error {
	cfg, err := config.LoadToServe(a.Sources)
	if err != nil {
		return err
	}
	text, err := cfg.YAML()
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(text)
	return err
}
