package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"tallystick/internal/durable"
	"tallystick/internal/secret"
)

// ErrNoFile is the error where the configuration comes from no file.
var ErrNoFile = errors.New("there is no configuration file")

// ErrChanged is the error of a replacement for another state of the file than there is.
var ErrChanged = errors.New("the configuration file is another one now")

// A File is the configuration file of a process that runs.
type File struct {
	Sources Sources
	FS      durable.FS

	mu sync.Mutex // held to read or replace it
}

// Any is the tag that every file has.
const Any = "*"

// Read returns the file, but what is secret, and a tag that changes with it.
func (f *File) Read() (text []byte, tag string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	raw, err := f.read()
	if err != nil {
		return nil, "", err
	}
	doc, err := document(raw)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", serverForm().file(f.Sources), err)
	}
	if doc == nil || !redact(doc) {
		return raw, tagOf(raw), nil
	}
	text, err = write(doc)
	return text, tagOf(raw), err
}

// Replace writes another file, if the present one has the tag, and what is in the other makes a
// valid configuration with what environment and command line say. Values as Read hid them stay as
// they are. It returns the new tag. The error is ErrNoFile, ErrChanged, an *InvalidError, or one of
// writing, after which the file is what it was; see durable.WriteFile for the exception.
func (f *File) Replace(text []byte, tag string) (newTag string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	raw, err := f.read()
	switch {
	case err != nil:
		return "", err
	case tag != Any && tag != tagOf(raw):
		return "", ErrChanged
	}
	if text, err = unhidden(text, raw); err != nil {
		return "", err
	}
	if _, err := f.with(text); err != nil {
		return "", err
	}
	path := serverForm().file(f.Sources)
	err = durable.WriteFile(f.FS, "configuration", path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	return tagOf(text), err
}

// Load reads the configuration again.
func (f *File) Load() (Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Load(f.Sources)
}

func (f *File) read() ([]byte, error) {
	path := serverForm().file(f.Sources)
	if path == "" {
		return nil, ErrNoFile
	}
	return os.ReadFile(path)
}

// with returns the configuration that there would be with another file.
func (f *File) with(text []byte) (Config, error) {
	file := newLayer(serverForm())
	file.read("", text)
	return load(serverForm(), f.Sources, file)
}

// unhidden returns text with what was hidden of before put back.
func unhidden(text, before []byte) ([]byte, error) {
	doc, err := document(text)
	if err != nil {
		return nil, invalid([]*Problem{{Text: err.Error()}})
	}
	if doc == nil {
		return text, nil
	}
	was, err := document(before)
	restored := was != nil && err == nil && restore(doc, was) // of a file that cannot be read nothing was shown
	if err := invalid(hidden(doc)); err != nil {
		return nil, err
	}
	if !restored {
		return text, nil
	}
	return write(doc)
}

// hidden finds values that hide nothing.
func hidden(doc *yaml.Node) (out []*Problem) {
	leaves(doc, "", func(key string, y *yaml.Node) {
		if strings.Contains(y.Value, secret.Hidden) {
			out = append(out, &Problem{
				Place: fmt.Sprintf("line %d", y.Line), Key: key, Text: "what is " + secret.Hidden + " was not there before",
			})
		}
	})
	return out
}

// document returns the whole document, comments and all, or nil if there is none.
func document(raw []byte) (*yaml.Node, error) {
	y, err := parse(raw)
	if y == nil || err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	return &doc, nil
}

func write(doc *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return b.Bytes(), nil
}

// tagOf returns a tag that changes with the text.
func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
