// Package phase reads and writes the files of the earlier validations of XRootD
// monitoring, of which there were two:
//
//	phase 1   NAME_requested.json   what clients asked for, by id
//	          NAME_recorded.txt     what the collector recorded, by id (JSON too)
//	phase 2   NAME_req.json, NAME_rec.json, which name a server, and no bytes
//
// It judges them twice: as they were judged then, by equality of the two, and as this
// project does, which knows that a server refuses a vector read with an element that is
// too long, that a session which idles is closed and its file opened again, and that
// records of another test are not this one's.
package phase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Test is one test: what was requested, and what was recorded.
type Test struct {
	Name     string // the files' names, with the folder, without what follows the last part of them
	Phase    int    // 1 or 2
	Requests map[string]Request
	Records  map[string]Record // nil if there is no file of them
}

// A Request is what one client process asked for.
type Request struct {
	Server string // phase 2 only
	Path   string
	Bytes  int64   // of all reads together; of phase 2 unknown
	Reads  int64   // how many reads those are, 0 if that is not told
	Vector []int64 // the lengths of the elements of a vector read
	Counts bool    // whether Bytes is told, or follows from the file's name
}

// A Record is what the collector had of one id.
type Record struct {
	Server      string // phase 2 only
	Path        string
	Bytes       int64
	Single      int64 // of these by plain reads, and
	VectorBytes int64 // by vector reads, if Split
	Split       bool
	User        string
}

// wholeFile is how long each file is that phase 1 read in full.
const wholeFile = 256

// suffixes are the ends of the names of the files of a test, by phase.
func suffixes() [][2]string {
	return [][2]string{{"_requested.json", "_recorded.txt"}, {"_req.json", "_rec.json"}}
}

// Read reads all tests below the root of fsys, by name. What cannot be read is told in
// the error, with the file's name, and the rest is returned.
func Read(fsys fs.FS) ([]Test, error) {
	var tests []Test
	var errs []error
	walkErr := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for i, s := range suffixes() {
			if name, ok := strings.CutSuffix(file, s[0]); ok {
				t, err := readTest(fsys, name, i+1)
				errs = append(errs, err)
				if err == nil {
					tests = append(tests, t)
				}
			}
		}
		return nil
	})
	slices.SortFunc(tests, func(a, b Test) int { return strings.Compare(a.Name, b.Name) })
	return tests, errors.Join(append(errs, walkErr)...)
}

func readTest(fsys fs.FS, name string, phase int) (Test, error) {
	s := suffixes()[phase-1]
	t := Test{Name: name, Phase: phase}
	var raw map[string]json.RawMessage
	if err := readJSON(fsys, name+s[0], &raw); err != nil {
		return t, err
	}
	t.Requests = make(map[string]Request, len(raw))
	for id, text := range raw {
		r, err := parseRequest(text, phase)
		if err != nil {
			return t, fmt.Errorf("%s: id %q: %w", name+s[0], id, err)
		}
		t.Requests[id] = r
	}
	raw = nil
	err := readJSON(fsys, name+s[1], &raw)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Records = make(map[string]Record, len(raw))
	for id, text := range raw {
		r, err := parseRecord(text, phase)
		if err != nil {
			return t, fmt.Errorf("%s: id %q: %w", name+s[1], id, err)
		}
		t.Records[id] = r
	}
	return t, nil
}

func readJSON(fsys fs.FS, file string, into any) error {
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

var errForm = errors.New("is in no form that the earlier validations wrote")

// named is how phase 2 tells of either side.
type named struct {
	Server   string `json:"server"`
	Filename string `json:"filename"`
	Bytes    *int64 `json:"read_bytes,omitempty"`
}

func parseRequest(text []byte, phase int) (Request, error) {
	if phase == 2 {
		var n named
		err := json.Unmarshal(text, &n)
		return Request{Server: n.Server, Path: n.Filename}, err
	}
	var file string
	if json.Unmarshal(text, &file) == nil { // a file read in full
		return Request{Path: file, Bytes: wholeFile, Reads: 1, Counts: true}, nil
	}
	var parts []json.RawMessage
	if json.Unmarshal(text, &parts) != nil || len(parts) < 2 || json.Unmarshal(parts[0], &file) != nil {
		return Request{}, errForm
	}
	r := Request{Path: file, Reads: 1, Counts: true}
	var ranges [][2]int64
	switch {
	case json.Unmarshal(parts[1], &r.Bytes) == nil && len(parts) == 2: // a range
		return r, nil
	case json.Unmarshal(parts[1], &r.Bytes) == nil && len(parts) == 4: // several reads with pauses
		return r, json.Unmarshal(parts[2], &r.Reads)
	case json.Unmarshal(parts[1], &ranges) == nil && len(parts) == 2: // a vector read
		r.Bytes = 0
		for _, x := range ranges {
			r.Vector = append(r.Vector, x[1]-x[0])
			r.Bytes += x[1] - x[0]
		}
		return r, nil
	}
	return Request{}, errForm
}

func parseRecord(text []byte, phase int) (Record, error) {
	if phase == 2 {
		var n named
		err := json.Unmarshal(text, &n)
		r := Record{Server: n.Server, Path: n.Filename}
		if n.Bytes != nil {
			r.Bytes = *n.Bytes
		}
		return r, err
	}
	var parts []json.RawMessage
	if json.Unmarshal(text, &parts) != nil || len(parts) != 2 && len(parts) != 5 {
		return Record{}, errForm
	}
	r := Record{Split: len(parts) == 5}
	into := []any{&r.Path, &r.Bytes, &r.Single, &r.VectorBytes, &r.User}
	for i, p := range parts {
		if err := json.Unmarshal(p, into[i]); err != nil {
			return Record{}, errForm
		}
	}
	return r, nil
}

// folder returns the folder of a test.
func (t *Test) folder() string { return path.Dir(t.Name) }
