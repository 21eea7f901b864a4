package auth_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tallystick/internal/auth"
	"tallystick/internal/durable/durabletest"
)

// TestDamagedKey cuts a key at each length and turns a bit of each byte: it is an error, or
// a key that can sign; never half of one. A key has no checksum: a bit that is turned within it
// makes another one, with which tokens of before are refused.
func TestDamagedKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	made, err := auth.CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	load := func(text []byte) (auth.Key, error) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return auth.LoadKey(path)
	}
	for n := range len(bytes.TrimSpace(whole)) {
		if got, err := load(whole[:n]); err == nil || got.CanSign() {
			t.Errorf("cut to %d of %d bytes: got %v, %v, want an error", n, len(whole), got, err)
		}
	}
	same, others, refused := 0, 0, 0
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		switch got, err := load(b); {
		case err != nil && !got.CanSign():
			refused++
		case err != nil || !got.CanSign():
			t.Errorf("a bit of byte %d turned: got %v, %v", at, got, err)
		case got.ID() == made.ID():
			same++
		default:
			others++
		}
	}
	if same > 3 || others == 0 || refused < len(whole)/2 {
		t.Errorf("%d are the same key, %d others, %d refused of %d", same, others, refused, len(whole))
	}
}

// TestKeyPlaces: where no key can be written, or read, that is an error and nothing is left;
// what lies beside is left alone.
func TestKeyPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key.pem")
	left := filepath.Join(dir, "key.pem.123.tmp") // by a process that died
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.LoadKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("beside half a key: got %v, want none", err)
	}
	if _, err := auth.CreateKey(path); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(left); string(b) != "half" || err != nil {
		t.Errorf("got %q, %v, want it as it was", b, err)
	}
	folder := filepath.Join(dir, "folder.pem")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.LoadKey(folder); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder: got %v, want %v", err, syscall.EISDIR)
	}
	if _, err := auth.CreateKey(folder); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder: got %v, want %v", err, fs.ErrExist)
	}
	if _, err := auth.CreateKey(filepath.Join(path, "key.pem")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("in a file: got %v, want %v", err, syscall.ENOTDIR)
	}
}

// TestKeyOnFullDisk: no key is made that is not whole.
func TestKeyOnFullDisk(t *testing.T) {
	dir := durabletest.SmallDisk(t, "64k")
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want the disk full", err)
	}
	path := filepath.Join(dir, "key.pem")
	if _, err := auth.CreateKey(path); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want that the disk is full", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("got %v left, want nothing but what was there", entries)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if key, err := auth.CreateKey(path); err != nil || !key.CanSign() {
		t.Errorf("once there is room: got %v, %v", key, err)
	}
}
