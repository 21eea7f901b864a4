// Package capture reads recorded runs of real XRootD servers and clients: the
// monitoring datagrams that the servers sent, and what the clients really did.
// Only tests and the demonstration use it.
//
// A capture is a folder with up to three files, of which only the second must
// be there:
//
//	packets.jsonl   {"t": arrival, "remote": "IP:port", "data": BASE64}, one line per datagram
//	truth.json      servers, clients, events, and one access per open that a client tried
//	sessions.jsonl  the file accesses as a reference decoder joined them, one line each
//
// The folders in testdata were recorded from XRootD 5.5.3 on loopback; the
// notes.md in each says what is in it and what differs from the truth. A run of
// the live fixture writes the same truth.json, so that Load reads that too.
//
// A test of another package reads one with
//
//	capture.Load(os.DirFS("../capture/testdata"), "s01_full_reads")
package capture

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// DemoName is the capture that Demo holds.
const DemoName = "s03_concurrent_users"

//go:embed testdata/s03_concurrent_users/*.json testdata/s03_concurrent_users/*.jsonl
var demo embed.FS

// Demo returns a file system with one capture in it, DemoName: eight users at
// once on one server.
func Demo() fs.FS {
	sub, err := fs.Sub(demo, "testdata")
	if err != nil {
		panic(err) // the name is constant and valid
	}
	return sub
}

// A Capture is one recorded run.
type Capture struct {
	Name     string
	Packets  []Packet  // in the order of arrival
	Truth    *Truth    // never nil
	Sessions []Session // by server and file, as the reference decoder wrote them
}

// Load reads the capture in folder name of fsys. A missing packets.jsonl or
// sessions.jsonl leaves its field empty; the errors name file and line.
func Load(fsys fs.FS, name string) (*Capture, error) {
	c := &Capture{Name: name, Truth: new(Truth)}
	data, err := fs.ReadFile(fsys, path.Join(name, "truth.json"))
	if err != nil {
		return nil, fmt.Errorf("load capture: %w", err)
	}
	if err := json.Unmarshal(data, c.Truth); err != nil {
		return nil, fmt.Errorf("load capture: %s/truth.json: %w", name, err)
	}
	if c.Packets, err = readLines[Packet](fsys, path.Join(name, "packets.jsonl")); err != nil {
		return nil, fmt.Errorf("load capture: %w", err)
	}
	if c.Sessions, err = readLines[Session](fsys, path.Join(name, "sessions.jsonl")); err != nil {
		return nil, fmt.Errorf("load capture: %w", err)
	}
	return c, nil
}

// readLines reads one T from each line of a file, none if there is no file.
func readLines[T any](fsys fs.FS, name string) ([]T, error) {
	data, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rows []T
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var row T
		switch err := dec.Decode(&row); {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return nil, fmt.Errorf("%s:%d: %w", name, len(rows)+1, err)
		}
		rows = append(rows, row)
	}
}
