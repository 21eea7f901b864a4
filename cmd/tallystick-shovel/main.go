// Command tallystick-shovel is `tallystick shovel` alone, for machines where memory is for others: it
// has nothing of the server in it.
package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tallystick/internal/cli"
	"tallystick/internal/shoveler"
)

// version is set by the Makefile with -X main.version.
var version = "dev"

func main() { os.Exit(cli.Main(execute)) }

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := cli.New("tallystick-shovel", version, os.Stdin, stdout, stderr)
	return a.Execute(ctx, rootCommand(a), args) //nolint:contextcheck // cobra hands ctx to the commands
}

func rootCommand(a *cli.App) *cobra.Command {
	root := shoveler.Command(a, a.Name)
	root.AddCommand(a.ManCommand(), a.VersionCommand())
	return root
}
