package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"tallystick/internal/durable"
	"tallystick/internal/settings"
)

// ErrNoFile is the error where the configuration comes from no file.
var ErrNoFile = errors.New("there is no configuration file")

// ErrChanged is the error of a replacement for another state of the file than there is.
var ErrChanged = errors.New("the configuration file is another one now")

// A File is the configuration file of a process that runs.
type File struct {
	Sources settings.Sources
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
	if text, err = settings.Redact(raw); err != nil {
		return nil, "", fmt.Errorf("%s: %w", form().File(f.Sources), err)
	}
	return text, tagOf(raw), nil
}

// Replace writes another file, if the present one has the tag, and what is in the other makes a
// valid configuration with what environment and command line say. Values as Read hid them stay as
// they are. It returns the new tag. The error is ErrNoFile, ErrChanged, a *settings.InvalidError, or one of
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
	if text, err = settings.Restore(text, raw); err != nil {
		return "", err
	}
	if _, err := f.with(text); err != nil {
		return "", err
	}
	path := form().File(f.Sources)
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
	path := form().File(f.Sources)
	if path == "" {
		return nil, ErrNoFile
	}
	return os.ReadFile(path)
}

// with returns the configuration that there would be with another file.
func (f *File) with(text []byte) (Config, error) {
	return settings.LoadText(form(), f.Sources, text, Default(), check)
}

// tagOf returns a tag that changes with the text.
func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
