package logs_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"tallystick/internal/logs"
)

func open(t *testing.T, cfg logs.Config, stderr *os.File) *logs.Log {
	t.Helper()
	l, err := logs.Open(cfg, stderr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// errFile returns a file for stderr, and a function that returns what is in it.
func errFile(t *testing.T) (*os.File, func() string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, func() string { return read(t, f.Name()) }
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFormatsAndLevel(t *testing.T) {
	f := func(format logs.Format, want string) {
		t.Helper()
		stderr, text := errFile(t)
		l := open(t, logs.Config{Format: format, Level: slog.LevelWarn}, stderr)
		l.Info("unheard")
		l.SetLevel(slog.LevelDebug)
		l.With("part", 1).Debug("heard", "n", 2)
		if got := text(); !regexp.MustCompile(want).MatchString(got) || l.Level() != slog.LevelDebug {
			t.Errorf("%s: got %q at level %v, want %s", format, got, l.Level(), want)
		}
	}
	f(logs.Text, `^time=\S+ level=DEBUG msg=heard part=1 n=2\n$`)
	f(logs.JSON, `^\{"time":"[^"]+","level":"DEBUG","msg":"heard","part":1,"n":2\}\n$`)
}

// Ensure the file can be renamed, and is written anew when told so; also that a folder that is
// gone does not cost a line.
func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	os.Mkdir(dir, 0o700)
	path := filepath.Join(dir, "tallystick.log")
	l := open(t, logs.Config{File: path}, os.Stderr)
	l.Info("one")
	os.Rename(path, path+".1")
	l.Info("two")
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Info("three")
	if got := read(t, path+".1"); strings.Count(got, "\n") != 2 || !strings.Contains(got, "two") {
		t.Errorf("got %q in the file that was renamed, want one and two", got)
	}
	if got := read(t, path); strings.Count(got, "\n") != 1 || !strings.Contains(got, "three") {
		t.Errorf("got %q in the new file, want three", got)
	}
	os.Rename(dir, dir+".gone")
	if err := l.Reopen(); err == nil {
		t.Error("got no error without a folder")
	}
	l.Info("four")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := read(t, filepath.Join(dir+".gone", "tallystick.log")); !strings.Contains(got, "four") {
		t.Errorf("got %q, want four in it too", got)
	}
	if _, err := logs.Open(logs.Config{File: path}, os.Stderr); err == nil {
		t.Error("opened a log in a folder that is not there")
	}
}

// Ensure the journal gets priorities, and only the journal.
func TestJournal(t *testing.T) {
	stderr, text := errFile(t)
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(stderr.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", stat.Dev, stat.Ino))
	l := open(t, logs.Config{Level: slog.LevelDebug}, stderr)
	l.Debug("a")
	l.WithGroup("g").With("k", "v").Info("b")
	l.Warn("c")
	l.Error("d", "text", "two\nlines")
	want := "<7>level=DEBUG msg=a\n<6>level=INFO msg=b g.k=v\n<4>level=WARN msg=c\n<3>level=ERROR msg=d text=\"two\\nlines\"\n"
	if got := text(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	other, text := errFile(t)
	open(t, logs.Config{}, other).Info("e")
	if got := text(); !strings.HasPrefix(got, "time=") {
		t.Errorf("got %q besides the journal, want a time first", got)
	}
}

func TestSecrets(t *testing.T) {
	for _, format := range []logs.Format{logs.Text, logs.JSON} {
		stderr, text := errFile(t)
		l := open(t, logs.Config{Format: format}, stderr)
		l = &logs.Log{Logger: l.With("url", "amqp://u:hunter2@h")}
		l.Info("dial amqp://u:hunter2@h", "password", "hunter2", "err", errors.New(`parse "amqp://u:hunter2@h"`),
			slog.Group("auth", "client_secret", "hunter2", "n", 1))
		if got := text(); strings.Contains(got, "hunter2") || strings.Count(got, "REDACTED") != 5 {
			t.Errorf("got %q, want five secrets hidden", got)
		}
	}
}
