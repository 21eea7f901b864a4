// Command tallystick lays together the two accounts of every file transfer in an
// XRootD federation: what the servers' monitoring says, and what the clients say.
//
// This package has the commands: flags, wiring and exit codes, nothing else.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the Makefile with -X main.version.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills at once
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
