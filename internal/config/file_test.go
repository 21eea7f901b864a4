package config_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/config"
	"tallystick/internal/durable"
	"tallystick/internal/durable/durabletest"
	"tallystick/internal/secret"
	"tallystick/internal/settings"
)

// mark is in every secret of these tests.
const mark = "hunter2hunter2"

const desired = `development: true # not for long
retention:
  jobs: {url: "https://me:` + mark + `@b:2"} # cockpit
log: {level: info}
`

func newFile(t *testing.T, text string, set ...string) *config.File {
	t.Helper()
	return &config.File{Sources: settings.Sources{File: write(t, "c.yaml", text), Settings: set}, FS: durable.OS{}}
}

func content(t *testing.T, f *config.File) string {
	t.Helper()
	b, err := os.ReadFile(f.Sources.File)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func readFile(t *testing.T, f *config.File) (text, tag string) {
	t.Helper()
	b, tag, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	return string(b), tag
}

// Ensure that what is read can be written back, whole, with what was hidden and the comments.
func TestFileRoundTrip(t *testing.T) {
	f := newFile(t, desired)
	text, tag := readFile(t, f)
	if strings.Contains(text, mark) || strings.Count(text, secret.Hidden) != 1 || !strings.Contains(text, "# cockpit") {
		t.Fatalf("got %s, want the password hidden and nothing else", text)
	}
	next := strings.Replace(text, "level: info", "level: debug", 1)
	newTag, err := f.Replace([]byte(next), tag)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, f); !strings.Contains(got, "https://me:"+mark+"@b:2") || !strings.Contains(got, "level: debug") ||
		!strings.Contains(got, "# not for long") {
		t.Errorf("got %s, want the level changed, and all else as it was", got)
	}
	if _, now := readFile(t, f); now != newTag || now == tag {
		t.Errorf("got the tag %q after %q and %q", now, tag, newTag)
	}
	if _, err := f.Replace([]byte(next), tag); !errors.Is(err, config.ErrChanged) {
		t.Errorf("with the tag of before: got %v, want %v", err, config.ErrChanged)
	}
	if _, err := f.Replace([]byte("development: true\n"), config.Any); err != nil {
		t.Errorf("with any tag: got %v", err)
	}
	if got := content(t, f); got != "development: true\n" {
		t.Errorf("got %q, want it as it was sent", got)
	}
}

// Ensure what is wrong changes nothing, and is told with all its places.
func TestFileRefuses(t *testing.T) {
	f := newFile(t, desired, "grace=1s")
	g := func(text, want string) {
		t.Helper()
		if _, err := f.Replace([]byte(text), config.Any); fmt.Sprint(err) != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
		if content(t, f) != desired {
			t.Fatalf("%q: the file has changed", text)
		}
	}
	g("development: true\ngrce: 1\nlog: {level: loud}\n",
		"line 2: grce: unknown key, did you mean grace?\nline 3: log.level: \"loud\" is none of debug, info, warn, error")
	g("development: {", "yaml: line 1: did not find expected node content")
	g("a: &a b\nc: *a\n", "line 2: an alias (*a) is not possible here")
	g("development: true\nnats:\n  urls: ['nats://x:REDACTED@c:1']\n", "line 3: nats.urls.0: what is REDACTED was not there before")
	g("", "auth: no key: set auth.key_file (tallystick token makes it) or auth.public_key, or development: true")

	none := &config.File{FS: durable.OS{}}
	if _, _, err := none.Read(); !errors.Is(err, config.ErrNoFile) {
		t.Errorf("without a file: got %v, want %v", err, config.ErrNoFile)
	}
	if _, err := none.Replace(nil, config.Any); !errors.Is(err, config.ErrNoFile) {
		t.Errorf("without a file: got %v, want %v", err, config.ErrNoFile)
	}
}

// Ensure a file that somebody broke by hand is not shown, since nobody knows what in it is
// secret, and can be replaced.
func TestFileBroken(t *testing.T) {
	f := newFile(t, "password: [")
	if text, _, err := f.Read(); err == nil {
		t.Errorf("got %q, want an error", text)
	}
	if _, err := f.Replace([]byte("development: true\n"), config.Any); err != nil {
		t.Errorf("got %v, want it replaced", err)
	}
}

// Ensure that where the disk fails, the file is the old or the new one.
func TestFileFaults(t *testing.T) {
	const next = "development: true\n"
	dry := &durabletest.FS{}
	f := newFile(t, desired)
	f.FS = dry
	if _, err := f.Replace([]byte(next), config.Any); err != nil {
		t.Fatal(err)
	}
	for at := range dry.Ops() {
		for _, fault := range []durabletest.Fault{{At: at + 1, Err: syscall.EIO}, {At: at + 1, Crash: true}} {
			f := newFile(t, desired)
			f.FS = &durabletest.FS{Faults: []durabletest.Fault{fault}}
			_, err := f.Replace([]byte(next), config.Any)
			if got := content(t, f); err == nil || got != next && got != desired {
				t.Errorf("%+v: got %q and %v, want an error, and one of the two files whole", fault, got, err)
			}
		}
	}
}

func TestDifferences(t *testing.T) {
	f := func(want []string, set ...string) {
		t.Helper()
		got, err := config.Differences(load(t, settings.Sources{}), load(t, settings.Sources{Settings: set}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", set, diff)
		}
	}
	f(nil)
	f(nil, "log.level=info")
	f([]string{"grace", "log.level"}, "log.level=debug", "grace=1s")
	f([]string{"udp.listen"}, "udp.listen=127.0.0.1:1,127.0.0.1:2")
	f([]string{"udp.listen"}, "udp.listen=[]")
	f([]string{"metrics.a.aggregation", "metrics.a.fold", "metrics.a.step", "metrics.a.unit"}, "metrics.a.step=1s")
}

// Ensure no secret comes out of a configuration again, whatever key it stands under: every key
// that may have one gets a marked one.
func TestSecretsStayInside(t *testing.T) {
	f := func(setting string) {
		t.Helper()
		cfg, err := config.Load(settings.Sources{Settings: []string{setting, "grace=no"}})
		if err == nil || strings.Contains(err.Error(), mark) {
			t.Errorf("%s: got the error %v", setting, err)
		}
		text, err := cfg.YAML()
		if err != nil || strings.Contains(string(text), mark) {
			t.Errorf("%s: got %v and\n%s", setting, err, text)
		}
	}
	for _, k := range config.Keys() {
		switch {
		case secret.IsKey(k.Name):
			f(k.Name + "=" + mark)
		case regexp.MustCompile(`(urls?|dsn|endpoint|servers?|listen)$`).MatchString(k.Name) && k.Type != "map":
			f(k.Name + "=https://user:" + mark + "@host/path")
		}
	}
	f("unknown.password=" + mark)
	f("records.outputs.x.url=https://user:" + mark + "@host")
}
