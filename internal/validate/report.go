package validate

import "tallystick/internal/transfer"

// A Report is the result of a validation. The same input gives the same report, byte
// for byte.
type Report struct {
	Slack     float64   `json:"slack"`     // seconds that the clocks of both sides may be apart
	Tolerance Tolerance `json:"tolerance"` // by how much bytes may differ
	Selection Selection `json:"selection"` // what of all was reported
	// Unread is how many lines and pieces of what was kept could not be read: they are in none
	// of the rest.
	Unread  int         `json:"unread,omitempty"`
	Totals  Totals      `json:"totals"`
	Runs    []Group     `json:"runs"` // sorted by name, as all groups; what belongs to no claim is in the one without a name
	Sites   []Group     `json:"sites"`
	Servers []Group     `json:"servers"`
	Clients []Group     `json:"clients"`
	Paths   []Group     `json:"paths"`  // by the first folders of the path
	Losses  []LossTotal `json:"losses"` // by server and kind
	// Monitoring is what the monitoring of each server is worth by itself, by name.
	Monitoring []Monitoring `json:"monitoring"`
	// Step is how many seconds a bin has.
	Step     int64              `json:"step"`
	Bins     []Bin              `json:"bins"`     // by time, without gaps
	Slots    []Slots            `json:"slots"`    // the same by server and client
	Verdicts []transfer.Verdict `json:"verdicts"` // by opening, then by key or ID
}

// A Selection is the part of Options that selects verdicts.
type Selection struct {
	Run    string `json:"run,omitempty"`
	Server string `json:"server,omitempty"`
	Client string `json:"client,omitempty"`
	From   int64  `json:"from,omitempty"`
	To     int64  `json:"to,omitempty"`
	// Unknown are those of run, server and client that nothing has, at no time.
	Unknown []Name `json:"unknown,omitempty"`
}
