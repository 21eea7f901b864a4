package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tallystick/internal/cli"
	"tallystick/internal/config"
	"tallystick/internal/shoveler"
)

// An app is one execution of the binary.
type app struct{ *cli.App }

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return executeWith(ctx, args, os.Stdin, stdout, stderr)
}

func executeWith(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{cli.New("tallystick", version, stdin, stdout, stderr)}
	return a.Execute(ctx, a.rootCommand(), args) //nolint:contextcheck // cobra hands ctx to the commands
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tallystick",
		Short: "Lay together what XRootD servers and their clients say of each transfer",
		Long: `Tallystick takes the monitoring of XRootD servers and the claims of their clients,
and tells which of them agree, which differ and by how much, and what is missing.

Start with no configuration at all: it serves loopback only then.

  tallystick serve
  TOKEN=$(tallystick token --subject me --role viewer,writer,validator)
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/api/v1/validation

It exits with 0 if all went well, with 1 if not, and with 2 if the command line
or the configuration is wrong.`,
		RunE: cli.Help,
	}
	root.AddCommand(a.serveCommand(), shoveler.Command(a.App, "shovel"), a.importCommand(), a.archiveCommand(), a.replayCommand(), a.validateCommand(),
		a.tokenCommand(), a.userCommand(), a.configCommand(), a.healthcheckCommand(), a.ManCommand(), a.VersionCommand())
	return root
}

// configured adds the flags that say where the configuration comes from.
func (a *app) configured(cmd *cobra.Command) *cobra.Command {
	return a.Configured(cmd, "$"+config.FileVariable+", else none", "tallystick config keys")
}
