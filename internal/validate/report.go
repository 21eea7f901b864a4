// Package validate lays claims and transfers together.
package validate

import "tallystick/internal/transfer"

// A Report is the result of a validation. The same claims and transfers give
// the same report, byte for byte.
type Report struct {
	Totals   Totals             `json:"totals"`
	Servers  []Group            `json:"servers"` // sorted by name
	Clients  []Group            `json:"clients"`
	Verdicts []transfer.Verdict `json:"verdicts"` // by opening, then by key or ID
}

// Totals counts verdicts and bytes.
type Totals struct {
	Claims    int                   `json:"claims"`
	Transfers int                   `json:"transfers"`
	Verdicts  map[transfer.Kind]int `json:"verdicts"`  // every kind is there, with 0 if none
	Claimed   transfer.Bytes        `json:"claimed"`   // of the claims that can tell
	Monitored transfer.Bytes        `json:"monitored"` // of all transfers in the report
}

// A Group is the totals of one server or client.
type Group struct {
	Name string `json:"name"`
	Totals
}
