// Package cli is what the commands of all our binaries have in common: what they read and write,
// their exit codes, and what they do when their terminal hangs up.
package cli

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

	"tallystick/internal/settings"
)

// The exit codes.
const (
	OK      = 0
	Failure = 1 // it was understood and did not work
	Usage   = 2 // wrong command line or configuration
)

// An App is one execution of a binary.
type App struct {
	Name           string // of the binary
	Version        string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Sources        settings.Sources // of the configuration

	entered bool // a command has been found and its flags are right
}

// New returns an execution of a binary in the environment of the process.
func New(name, version string, stdin io.Reader, stdout, stderr io.Writer) *App {
	return &App{
		Name: name, Version: version, Stdin: stdin, Stdout: stdout, Stderr: stderr,
		Sources: settings.Sources{Environ: os.Environ()},
	}
}

// Main runs a binary on the arguments of the process until it is done, or told to end by SIGINT or
// SIGTERM, of which a second one ends it at once. It returns the exit code.
func Main(execute func(ctx context.Context, args []string, stdout, stderr io.Writer) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Execute runs a command line and returns the exit code.
func (a *App) Execute(ctx context.Context, root *cobra.Command, args []string) int {
	root.Version, root.SilenceErrors, root.SilenceUsage = a.Version, true, true // printed here
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return OK
	}
	var invalid *settings.InvalidError
	switch {
	case errors.As(err, &invalid):
		fmt.Fprintf(a.Stderr, "%s: the configuration is wrong:\n  %s\n", a.Name, strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return Usage
	case !a.entered:
		fmt.Fprintf(a.Stderr, "%s: %v\nSee: %s --help\n", a.Name, err, cmd.CommandPath())
		return Usage
	}
	fmt.Fprintf(a.Stderr, "%s: %v\n", a.Name, err)
	return Failure
}

// Usage returns an error about a flag, found by a command itself.
func (a *App) Usage(format string, args ...any) error {
	a.entered = false
	return fmt.Errorf(format, args...)
}

// Entering marks the point from which on an error is not one of usage.
func (a *App) Entering(do func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return a.Staying(func(cmd *cobra.Command) error {
		// A terminal that is closed hangs up: no reason to lose anything.
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP)
		defer stop()
		cmd.SetContext(ctx)
		return do(cmd)
	})
}

// Staying is Entering for what does not end when its terminal does, and has its own answer to
// SIGHUP.
func (a *App) Staying(do func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		a.entered = true
		return do(cmd)
	}
}

// Help is for commands that only have others below them.
func Help(cmd *cobra.Command, _ []string) error { return cmd.Help() }
