// Command tallystick lays together the two accounts of every file transfer in an
// XRootD federation: what the servers' monitoring says, and what the clients say.
//
// This package has the commands: flags, wiring and exit codes, nothing else.
package main

import (
	"os"

	"tallystick/internal/cli"
)

// version is set by the Makefile with -X main.version.
var version = "dev"

func main() { os.Exit(cli.Main(execute)) }
