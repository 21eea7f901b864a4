// Package archive moves what is past its time from the checkpoints to files that last:
// one folder for each day, in UTC, in plain Avro that any Avro library reads.
//
//	<target>/2026-11-25/
//	    samples-<cluster>.avro      values of series, with start and step
//	    samples-<cluster>.parquet   the same for data tools, if that is wanted
//	    transfers.avro              one record per transfer, by ID
//	    claims.avro                 one record per claim, by run and ID
//	    packets.avro                datagrams, in the order in which they were taken in
//	    manifest.json               what the files must be: records, bytes, SHA-256
//
// docs/archive.md describes them for others. The target is a folder, or a bucket of
// objects that have these names.
//
//	checkpoints ──day is final──▶ file ──▶ target ──read back, same hash──▶ manifest.json
//	     ▲                                                                       │
//	     └───────────────── may forget what is before: Archived ◀────────────────┘
//
// Rules:
//
//   - A day is of a kind when nothing of it can change any more: After says how long after
//     its end that is, and Saved that all of it is in the checkpoints.
//   - What is in the manifest is at the target, whole: it was read back and decoded before.
//     A file that is not in it does not count and is written anew (TestStepWithFaults).
//   - A failure is told and tried again at the next step; a day that failed holds back
//     those behind it, so that Archived is one time for each kind.
//   - Memory is that of one Avro block and one record, whatever a day has.
//   - A damaged Avro block costs what is in it and is told; the rest is read.
package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ocf"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// Config is what an operator may choose.
type Config struct {
	Dir string `koanf:"dir"` // where the archive is; empty, and no bucket: there is none
	S3  S3     `koanf:"s3"`  // where it is instead, if it names a bucket

	// Temp is where a file is made before it goes to the target. Default: tmp in Dir.
	Temp string `koanf:"temp"`

	Every   time.Duration `koanf:"every"`   // default 10 min
	After   time.Duration `koanf:"after"`   // how much longer to wait than needed; default 1 h
	Codec   ocf.Codec     `koanf:"codec"`   // default zstandard
	Parquet bool          `koanf:"parquet"` // samples also as Parquet

	// Keep is how long days are kept; 0: for ever. MaxBytes is how large the archive may
	// become before its oldest days go; 0: as large as it wants.
	Keep     time.Duration `koanf:"keep"`
	MaxBytes int64         `koanf:"max_bytes"`
}

// Default returns the configuration that an operator gets who chooses nothing.
func Default() Config {
	return Config{
		S3:    S3{TLS: true},
		Every: 10 * time.Minute, After: time.Hour, Codec: ocf.Zstandard,
	}
}

// A Problem is what is wrong with the value of a key.
type Problem struct {
	Key string
	Err error
}

// Check returns what is wrong with c, each with its key.
func (c Config) Check() (problems []Problem) {
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, Problem{key, fmt.Errorf(format, args...)})
		}
	}
	var codec ocf.Codec
	wrong(c.Every < time.Second, "every", "%v is less than 1s", c.Every)
	wrong(c.After < 0, "after", "%v is less than 0", c.After)
	wrong(codec.UnmarshalText([]byte(c.Codec)) != nil, "codec", "%q is none of %v", c.Codec, ocf.Codecs())
	wrong(c.Keep < 0, "keep", "%v is less than 0", c.Keep)
	wrong(c.Keep > 0 && c.Keep < 24*time.Hour, "keep", "%v is less than a day", c.Keep)
	wrong(c.MaxBytes < 0, "max_bytes", "%d is less than 0", c.MaxBytes)
	c.S3.check(wrong)
	return problems
}

// On reports whether there is an archive.
func (c Config) On() bool { return c.Dir != "" || c.S3.Bucket != "" }

// Target returns where the archive is.
//
//nolint:ireturn // it is one of several
func (c Config) Target(fsys durable.FS) (Target, error) {
	switch {
	case c.S3.Bucket != "":
		return NewS3(c.S3)
	case c.Dir != "":
		return &Folder{Dir: c.Dir, FS: fsys}, nil
	}
	return nil, errors.New("there is no archive: neither archive.dir nor archive.s3.bucket is set")
}

// A Kind is one of checkpoint.Samples, Transfers, Claims and Packets.
type Kind = checkpoint.Kind

// A Packet is a datagram as it was taken in.
type Packet = checkpoint.Packet

// Kinds returns what is archived.
func Kinds() []Kind {
	return []Kind{checkpoint.Samples, checkpoint.Transfers, checkpoint.Claims, checkpoint.Packets}
}

// A Source has what may be archived: the checkpoints on the disk, of which memory may
// have less. *checkpoint.View is one.
type Source interface {
	Samples
	Records
	// Oldest returns the Unix second of the oldest thing of a kind.
	Oldest(kind Kind) (sec int64, ok bool)
	Close()
}

// Samples are those of a Source.
type Samples interface {
	Clusters() []string
	// Blocks yields the newest version of every block of the cluster that has slots in
	// [from, to), ordered by path, name of the metric and index, each good until the next.
	Blocks(ctx context.Context, cluster string, from, to int64) iter.Seq2[*store.BlockAt, error]
}

// Records are the rest of a Source: those whose time is in [from, to). The time of a
// transfer and of a claim is that of its method Time, that of a packet its arrival.
type Records interface {
	Transfers(ctx context.Context, from, to int64) iter.Seq2[*transfer.Transfer, error]
	Claims(ctx context.Context, from, to int64) iter.Seq2[*transfer.Claim, error]
	Packets(ctx context.Context, from, to int64) iter.Seq2[Packet, error]
}

var _ Source = (*checkpoint.View)(nil)
