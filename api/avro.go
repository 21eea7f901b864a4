package api

import (
	_ "embed"
	"strings"
)

// SampleBlock returns the Avro schema of 512 slots of one series, as checkpoints
// have them in samples.avro.
func SampleBlock() string { return sampleSchema }

// Samples returns the Avro schema of the values of one series on one day, as archives
// have them.
func Samples() string { return samplesSchema }

// Transfer returns the Avro schema of a transfer.
func Transfer() string { return transferSchema }

// OldTransfers returns the Avro schemas that transfers had in older versions, which
// lack fields.
func OldTransfers() []string { return []string{transferSchema1, transferSchema2} }

// SavedTransfer returns the Avro schema of a transfer as checkpoints have it: with its
// place among what was told of all that have ended, which no other needs.
func SavedTransfer() string {
	const last = `{"name": "raw"`
	const more = `{"name": "sequence", "type": "long", "default": 0},
    {"name": "revision", "type": "long", "default": 0},
    `
	return strings.Replace(transferSchema, last, more+last, 1)
}

// Claim returns the Avro schema of a claim.
func Claim() string { return claimSchema }

// State returns the Avro schema of an entry of state that only the part that
// wrote it reads, as checkpoints have them in collector.avro and ingest.avro.
func State() string { return stateSchema }

// Packet returns the Avro schema of a datagram as it was taken in.
func Packet() string { return packetSchema }

// OldPackets returns the Avro schemas that packets had in older versions, which lack
// fields.
func OldPackets() []string { return []string{packetSchema1} }

var (
	//go:embed sample.avsc
	sampleSchema string
	//go:embed samples.avsc
	samplesSchema string
	//go:embed transfer.avsc
	transferSchema string
	//go:embed old/transfer.1.avsc
	transferSchema1 string
	//go:embed old/transfer.2.avsc
	transferSchema2 string
	//go:embed claim.avsc
	claimSchema string
	//go:embed packet.avsc
	packetSchema string
	//go:embed old/packet.1.avsc
	packetSchema1 string
	//go:embed state.avsc
	stateSchema string
)
