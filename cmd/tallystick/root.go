package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"tallystick/internal/config"
	"tallystick/internal/settings"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it was understood and did not work
	exitUsage   = 2 // wrong command line or configuration
)

// An app is one execution of the binary.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	sources settings.Sources
	entered bool // a command has been found and its flags are right
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return executeWith(ctx, args, os.Stdin, stdout, stderr)
}

func executeWith(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	a.sources.Environ = os.Environ()
	root := a.rootCommand() //nolint:contextcheck // cobra hands ctx to the commands
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var invalid *settings.InvalidError
	switch {
	case errors.As(err, &invalid):
		fmt.Fprintf(stderr, "tallystick: the configuration is wrong:\n  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitUsage
	case !a.entered:
		fmt.Fprintf(stderr, "tallystick: %v\nSee: %s --help\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(stderr, "tallystick: %v\n", err)
	return exitFailure
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
		Version:       version,
		RunE:          help,
		SilenceErrors: true, // execute prints them
		SilenceUsage:  true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.AddCommand(a.serveCommand(), a.shovelCommand(), a.importCommand(), a.archiveCommand(), a.replayCommand(), a.validateCommand(), a.tokenCommand(), a.userCommand(), a.configCommand(), a.healthcheckCommand(), a.manCommand(), a.versionCommand())
	return root
}

// usage returns an error about a flag, found by a command itself.
func (a *app) usage(format string, args ...any) error {
	a.entered = false
	return fmt.Errorf(format, args...)
}

// entering marks the point from which on an error is not one of usage.
func (a *app) entering(do func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return a.staying(func(cmd *cobra.Command) error {
		// A terminal that is closed hangs up: no reason to lose anything.
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
		defer stop()
		cmd.SetContext(ctx)
		return do(cmd)
	})
}

// staying is entering for what does not end when its terminal does, and has its own answer to
// SIGHUP.
func (a *app) staying(do func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		a.entered = true
		return do(cmd)
	}
}

// help is for commands that only have others below them.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// configured adds the flags that say where the configuration comes from.
func (a *app) configured(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVarP(&a.sources.File, "config", "c", "",
		"configuration `file`, YAML or JSON (default $"+config.FileVariable+", else none)")
	cmd.Flags().StringArrayVar(&a.sources.Settings, "set", nil,
		"set one `key=value`, over file and environment; tallystick config keys lists them")
	return cmd
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: a.entering(func(*cobra.Command) error {
			_, err := fmt.Fprintln(a.stdout, "tallystick version "+version)
			return err
		}),
	}
}
