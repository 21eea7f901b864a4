package ingest

import (
	"strings"
	"unicode/utf8"

	"tallystick/internal/selector"
	"tallystick/internal/transfer"
)

// What stands in the tree for a name that is not known.
const (
	unknownSite   = "UNKNOWN"
	unknownServer = "unknown"
	unknownClient = "unknown"
)

// The types of the components that a client is of its server, and another server
// that clients are sent to.
const (
	componentClient = "client"
	componentTarget = "target"
)

// clientPath returns the place of a client of a server of a site. Names that
// others chose are made fit for the tree: see fit. The client's is compared as
// the ledger compares it, so that server and client mean the same place.
func clientPath(site, server, client string) selector.Path {
	return selector.Path{
		Cluster: fitName(site, unknownSite),
		Node:    fitName(server, unknownServer),
		Component: selector.Part{
			Type: componentClient,
			ID:   fit(transfer.CleanHost(client), unknownClient),
		},
	}
}

// fitName is fit for clusters and nodes, which besides must not look like paths:
// slashes and backslashes become "_", and so do the dots of "." and "..".
func fitName(name, instead string) string {
	name = fit(name, instead)
	if name == "." || name == ".." {
		return strings.Repeat("_", len(name))
	}
	return strings.NewReplacer("/", "_", `\`, "_").Replace(name)
}

// fit returns name if the tree takes it. An empty one becomes instead, control
// characters become "_", and what is longer than selector.MaxName is cut. Names
// that differ only in that share a place: they were forged or broken anyway.
func fit(name, instead string) string {
	if name == "" {
		return instead
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
	if len(name) <= selector.MaxName {
		return name
	}
	cut := selector.MaxName
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut]
}
