package validate

import "tallystick/internal/transfer"

// A Report is the result of a validation. The same claims and transfers give
// the same report, byte for byte.
type Report struct {
	Slack     float64            `json:"slack"`     // seconds that the clocks of both sides may be apart
	Selection Selection          `json:"selection"` // what of all was reported
	Totals    Totals             `json:"totals"`
	Servers   []Group            `json:"servers"` // sorted by name
	Clients   []Group            `json:"clients"`
	Verdicts  []transfer.Verdict `json:"verdicts"` // by opening, then by key or ID
}

// A Selection is the part of Options that selects verdicts.
type Selection struct {
	Run    string `json:"run,omitempty"`
	Server string `json:"server,omitempty"`
	Client string `json:"client,omitempty"`
	From   int64  `json:"from,omitempty"`
	To     int64  `json:"to,omitempty"`
}

// Totals counts verdicts and bytes.
type Totals struct {
	Claims    int                   `json:"claims"`
	Transfers int                   `json:"transfers"` // each once, also where several ambiguous claims name it
	Verdicts  map[transfer.Kind]int `json:"verdicts"`  // every kind is there, with 0 if none
	Claimed   transfer.Bytes        `json:"claimed"`   // of the claims that can tell
	Monitored transfer.Bytes        `json:"monitored"` // of all transfers in the report
}

// A Group is the totals of one server or client. A verdict counts in the group
// of its first transfer's server, if it has one, else of the server that the
// claim names; and in that of the claim's client, if it says one, else of the
// transfer's. The name of a client that nobody told is empty.
type Group struct {
	Name string `json:"name"`
	Totals
}

// Kinds returns all kinds of verdict, in the order of a table.
func Kinds() []transfer.Kind {
	return []transfer.Kind{
		transfer.Match, transfer.Differ, transfer.Missing, transfer.Extra, transfer.Fail, transfer.Ambiguous,
	}
}
