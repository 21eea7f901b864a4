package archive

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"tallystick/internal/checkpoint"
	"tallystick/internal/ocf"
)

// Version is that of the format.
const Version = 1

const (
	manifestName  = "manifest.json"
	avroSuffix    = ".avro"
	parquetSuffix = ".parquet"
	damagedSuffix = ".damaged" // ends the name of what repair has set aside
)

// maxManifest is more than the files of 10,000 clusters need.
const maxManifest = 8 << 20

// A Manifest says what a day has.
type Manifest struct {
	Version int    `json:"version"`
	Day     Day    `json:"day"`
	Kinds   []Kind `json:"kinds"` // that were archived, also those of which there was nothing
	Files   []File `json:"files"` // sorted by name
}

// A File is one of a day.
type File struct {
	Name    string    `json:"name"`
	Kind    Kind      `json:"kind"`
	Cluster Escaped   `json:"cluster,omitempty"` // of samples
	Records int64     `json:"records"`           // of Parquet: rows
	Bytes   int64     `json:"bytes"`
	SHA256  Sum       `json:"sha256"`
	From    int64     `json:"from"` // Unix seconds: the first one that something is of,
	To      int64     `json:"to"`   // and the first behind the last one
	Codec   ocf.Codec `json:"codec,omitempty"`
	Made    time.Time `json:"made"`
}

// An Escaped text is bytes, written as in a path of a URL, since JSON is UTF-8.
type Escaped string

// MarshalText writes it.
func (e Escaped) MarshalText() ([]byte, error) { return []byte(url.PathEscape(string(e))), nil }

// UnmarshalText reads it.
func (e *Escaped) UnmarshalText(text []byte) error {
	s, err := url.PathUnescape(string(text))
	*e = Escaped(s)
	return err
}

// A Sum is a SHA-256.
type Sum [32]byte

// MarshalText writes it as hexadecimal digits.
func (s Sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Sum) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(s) {
		return fmt.Errorf("%q is not a SHA-256", text)
	}
	copy(s[:], b)
	return nil
}

// Has reports whether the kind was archived.
func (m *Manifest) Has(kind Kind) bool { return m != nil && slices.Contains(m.Kinds, kind) }

// File returns the one of the name, nil if there is none.
func (m *Manifest) File(name string) *File {
	if m != nil {
		if i := slices.IndexFunc(m.Files, func(f File) bool { return f.Name == name }); i >= 0 {
			return &m.Files[i]
		}
	}
	return nil
}

// with returns m with the files of a kind that was archived.
func (m *Manifest) with(day Day, kind Kind, files []File) *Manifest {
	out := &Manifest{Version: Version, Day: day}
	if m != nil {
		out.Kinds = slices.Clone(m.Kinds)
		out.Files = slices.DeleteFunc(slices.Clone(m.Files), func(f File) bool { return f.Kind == kind })
	}
	if !slices.Contains(out.Kinds, kind) {
		out.Kinds = append(out.Kinds, kind)
	}
	out.Files = append(out.Files, files...)
	slices.SortFunc(out.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// ParseManifest reads that of a day.
func ParseManifest(day Day, text []byte) (*Manifest, error) {
	m := new(Manifest)
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if err := m.check(day); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	return m, nil
}

func (m *Manifest) check(day Day) error {
	switch {
	case m.Version != Version:
		return fmt.Errorf("version %d is not known", m.Version)
	case m.Day != day:
		return fmt.Errorf("it is of %v", m.Day)
	}
	for _, k := range m.Kinds {
		if !slices.Contains(Kinds(), k) {
			return fmt.Errorf("kind %q is not known", k)
		}
	}
	for i, f := range m.Files {
		switch kind := kindOf(f.Name); {
		case kind == "" || kind != f.Kind:
			return fmt.Errorf("file %q is not of kind %q", f.Name, f.Kind)
		case f.Bytes < 0 || f.Records < 0:
			return fmt.Errorf("file %q has a negative size", f.Name)
		case m.File(f.Name) != &m.Files[i]:
			return fmt.Errorf("file %q is there twice", f.Name)
		}
	}
	return nil
}

// readManifest reads that of a day at the target. The error is fs.ErrNotExist if there is
// none, and errManifest if it is of no use.
func readManifest(ctx context.Context, t Target, day Day) (*Manifest, error) {
	in, err := t.Open(ctx, nameOf(day, manifestName))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("%v: read %s: %w", day, manifestName, err)
	}
	m, err := ParseManifest(day, text)
	if err != nil {
		return nil, fmt.Errorf("%v: %w: %w", day, errManifest, err)
	}
	return m, nil
}

// errManifest is the error of a manifest that can be read and is of no use.
var errManifest = errors.New("damaged")

func (m *Manifest) write(ctx context.Context, t Target) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	return t.Put(ctx, nameOf(m.Day, manifestName), bytes.NewReader(text), int64(len(text)))
}

// nameOf returns the name at the target of a file of a day.
func nameOf(day Day, file string) string { return path.Join(day.String(), file) }

// kindOf returns the kind of the file of the name, empty if it is none of ours.
func kindOf(name string) Kind {
	base, isAvro := strings.CutSuffix(name, avroSuffix)
	rows, isParquet := strings.CutSuffix(name, parquetSuffix)
	switch {
	case isParquet && strings.HasPrefix(rows, samplesPrefix), isAvro && strings.HasPrefix(base, samplesPrefix):
		return checkpoint.Samples
	case isAvro && slices.Contains(Kinds()[1:], Kind(base)):
		return Kind(base)
	}
	return ""
}

const samplesPrefix = string(checkpoint.Samples) + "-"

// maxEscaped is how much of a cluster's name is in that of a file, in bytes: file systems
// take 255.
const maxEscaped = 150

// samplesName returns the name of the file of a cluster, without its end.
func samplesName(cluster string) string {
	name := url.PathEscape(cluster)
	if len(name) > maxEscaped { // two of the same beginning are told apart by their hash
		name = fmt.Sprintf("%s~%x", name[:maxEscaped], sumOf([]byte(cluster)))
	}
	return samplesPrefix + name
}
