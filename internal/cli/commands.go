package cli

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"tallystick/internal/settings"
)

// Configured adds the flags that say where the configuration comes from: file is what is read
// without them, and keys the command that lists its keys.
func (a *App) Configured(cmd *cobra.Command, file, keys string) *cobra.Command {
	cmd.Flags().StringVarP(&a.Sources.File, "config", "c", "", "configuration `file`, YAML or JSON (default "+file+")")
	cmd.Flags().StringArrayVar(&a.Sources.Settings, "set", nil, "set one `key=value`, over file and environment; "+keys+" lists them")
	return cmd
}

// ListKeys prints keys.
func (a *App) ListKeys(keys []settings.Key) error {
	w := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tTYPE\tDEFAULT\tVARIABLE")
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, k.Type, k.Default, k.Env)
	}
	return w.Flush()
}

// VersionCommand prints the version.
func (a *App) VersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: a.Entering(func(*cobra.Command) error {
			_, err := fmt.Fprintln(a.Stdout, a.Name+" version "+a.Version)
			return err
		}),
	}
}

// ManCommand writes manual pages; it is for packages.
func (a *App) ManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages to a folder",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.entered = true
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Title: "TALLYSTICK", Section: "1", Source: a.Name + " " + a.Version}, args[0])
		},
	}
}
