// Package ingest takes what comes in: lines, packets and claims.
package ingest

import (
	"context"

	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// A Reject is one input that was refused.
type Reject struct {
	Index  int    `json:"index"`            // 0-based: of the line, packet or claim in its batch
	Line   int    `json:"line,omitempty"`   // 1-based, where the input has lines
	Column int    `json:"column,omitempty"` // 1-based, in bytes
	Reason string `json:"reason"`           // one word, the label of the counter
	Text   string `json:"text"`             // for people
}

// A Result is the answer to a batch.
type Result struct {
	Accepted int      `json:"accepted"`
	Rejected int      `json:"rejected"`
	Errors   []Reject `json:"errors,omitempty"` // the first MaxErrors
}

// MaxErrors is how many rejects a Result tells; all are counted.
const MaxErrors = 100

// An Ingest is the one way in to collector, ledger and store.
type Ingest struct{}

// Packets takes datagrams, in order. Their data may be reused afterwards.
func (i *Ingest) Packets(ctx context.Context, ps []collect.Packet) Result { return Result{} }

// Claims takes claims. They belong to the ledger then.
func (i *Ingest) Claims(ctx context.Context, cs []*transfer.Claim) Result { return Result{} }

// Lines takes line protocol.
func (i *Ingest) Lines(ctx context.Context, body []byte, o LineOptions) Result { return Result{} }

// LineOptions are what a sender declares about its lines.
type LineOptions struct {
	Cluster   string // for lines without a cluster tag
	Precision string // s, ms, us, ns or auto (the default)
}
