package shovel

import (
	"context"
	"log/slog"
	"time"
)

// What tests outside of the package need of its inside.

// Verify is verify.
func Verify(b []byte) bool { return verify(b) }

// AppendMessage is appendMessage.
func AppendMessage(b []byte, d *Datagram, envelope Envelope) []byte {
	return appendMessage(b, d, envelope)
}

// AppendPack is appendPack.
func AppendPack(b []byte, ds []Datagram) []byte { return appendPack(b, ds) }

// ParsePack is parsePack.
func ParsePack(b []byte) ([]Datagram, error) { return parsePack(b) }

// MessageSize is messageSize.
func MessageSize(d *Datagram) int { return messageSize(d) }

// PackSize is packSize.
func PackSize(ds []Datagram) int { return packSize(ds) }

// The bounds of what is in memory.
const (
	MaxLoad     = maxLoad
	MaxPack     = maxPack
	RecentBytes = recentBytes
)

// Intake is intake.
type Intake = intake

// NewIntake is newIntake.
func NewIntake(put func(context.Context, []Datagram)) *Intake { return newIntake(put) }

// Take is take.
func (in *intake) Take(d Datagram) { in.take(d) }

// Recent is recent.
type Recent = recent

// NewRecent is newRecent.
func NewRecent(last uint64) *Recent { return newRecent(last) }

// Add is add.
func (r *recent) Add(seq uint64, pack []byte) { r.add(seq, pack) }

// Forget is forget.
func (r *recent) Forget(sent uint64) { r.forget(sent) }

// Get is get.
func (r *recent) Get(seq uint64) (pack []byte, came <-chan struct{}) { return r.get(seq) }

// Remote returns what stands for an address by a map.
func Remote(m map[string]string, from string) (string, error) {
	by, err := newMapping(m)
	return by.remote(from), err
}

// Servers is servers.
type Servers = servers

// NewServers is newServers.
func NewServers() *Servers { return newServers() }

// Saw is saw.
func (s *servers) Saw(at time.Time, remote string, b []byte) { s.saw(at, remote, b) }

// Known is status.
func (s *servers) Known() []ServerStatus { return s.status() }

// OpenQueueAt is OpenQueue in another life of the machine.
func OpenQueueAt(ctx context.Context, cfg QueueConfig, boot string) (*Queue, error) {
	return openQueue(ctx, cfg, "edge", boot, slog.New(slog.DiscardHandler))
}

// Number is number.
func (q *Queue) Number() (life string, next uint64) { return q.number() }
