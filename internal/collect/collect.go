// Package collect makes transfers and samples out of XRootD monitoring packets.
package collect

import (
	"time"

	"tallystick/internal/transfer"
)

// A Packet is one datagram with where it came from.
type Packet struct {
	Remote string // address:port of the server's socket, as the one who received it wrote it
	Data   []byte
}

// A Sample is a count of something at one client of one server.
type Sample struct {
	Site, Server, Client string
	Metric               string // one of metric.Xrd…
	Time                 int64  // Unix seconds
	Value                float64
}

// A Server is what is known of one server. Its names are all that a client may
// have called it by.
type Server struct {
	Site    string   // cluster in the tree
	Name    string   // host:port, node in the tree
	Names   []string // Name and the other names, sorted
	SID     uint64
	Version string
}

// An Output takes what the collector finds out. It is called from within
// Packet and Advance, in an order that depends on nothing but their arguments.
type Output interface {
	// Transfer tells what is known of a transfer. It comes again, with the same
	// ID, whenever more is known.
	Transfer(t *transfer.Transfer)
	// Sample tells a count; each is told once.
	Sample(s Sample)
	// Server tells of a server when its names become known or change.
	Server(s Server)
}

// Config is what an operator may choose.
type Config struct {
	// Hold is how long a close waits for records that were sent before it and
	// arrive after it: at least the longest delay on the way. Default 10 s.
	Hold time.Duration `koanf:"hold"`
	// Idle is how long a file may be open without a word about it before it
	// is given up. Default 48 h.
	Idle time.Duration `koanf:"idle"`
}

// A Collector holds the state of all servers. Its methods must not be called
// at the same time.
type Collector struct {
	cfg Config
	out Output
}

// New returns a collector without state that tells out what it finds.
func New(cfg Config, out Output) *Collector { return &Collector{cfg: cfg, out: out} }

// Packet takes one datagram that arrived at now. It keeps nothing of p.Data.
// The error says why the datagram, or the rest of it, could not be used.
func (c *Collector) Packet(now time.Time, p Packet) error { return nil }

// Advance completes what has waited long enough at now.
func (c *Collector) Advance(now time.Time) {}

// State returns all state, one entry per life of a server, as text that
// Restore reads.
func (c *Collector) State() [][]byte { return nil }

// Restore adds one entry of State.
func (c *Collector) Restore(entry []byte) error { return nil }
