package keys_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/auth"
	"tallystick/internal/auth/keys"
)

const url = "https://issuer.example/keys"

// An issuer answers requests for its keys, without a network.
type issuer struct {
	mu     sync.Mutex // held by who changes it while a Keeper runs
	status int
	body   string
	asked  int
	err    error
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if i.err != nil {
		return nil, i.err
	}
	return &http.Response{
		StatusCode: i.status, Request: r, Header: http.Header{"Location": {"https://other.example/"}},
		Body: io.NopCloser(strings.NewReader(i.body)),
	}, nil
}

// A bench is a verifier and what keeps its keys.
type bench struct {
	*testing.T
	keeper   *keys.Keeper
	issuer   *issuer
	verifier *auth.Verifier
	log      bytes.Buffer
}

func newBench(t *testing.T, cfg auth.Config) *bench {
	t.Helper()
	b := &bench{T: t, issuer: &issuer{status: http.StatusOK, body: set(jwk('j', `,"kid":"theirs"`))}}
	var err error
	if b.verifier, err = auth.NewVerifier(cfg, time.Now); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: b.issuer}
	b.keeper = keys.New(cfg, b.verifier, client, slog.New(slog.NewTextHandler(&b.log, nil)))
	return b
}

// token returns one that the key of seed has signed, with a name for it unless that is empty.
func token(seed byte, kid string) string {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	header := `{"alg":"EdDSA"}`
	if kid != "" {
		header = `{"alg":"EdDSA","kid":"` + kid + `"}`
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(`{"sub":"s","roles":["viewer"],"exp":9999999999}`))
	return text + "." + encode(ed25519.Sign(private, []byte(text)))
}

func (b *bench) want(what, token string, good bool) {
	b.Helper()
	_, err := b.verifier.Authenticate(&http.Request{Header: http.Header{"X-Auth-Token": {token}}})
	if (err == nil) != good {
		b.Errorf("%s: got error %v, want it good: %v", what, err, good)
	}
}

func writePublic(t *testing.T, path string, seed byte) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public(seed))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Ensure keys are rotated without a restart: two are good at the same time, each by its name, and
// with a key that is taken away go its tokens, also those that were good a moment ago.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	writePublic(t, filepath.Join(dir, "first.pem"), 'a')
	b := newBench(t, auth.Config{KeyFiles: []string{dir}})
	f := func(what string, first, second bool) {
		t.Helper()
		b.want(what+", first key by name", token('a', "first"), first)
		b.want(what+", first key without name", token('a', ""), first)
		b.want(what+", second key by name", token('b', "second"), second)
		b.want(what+", second key without name", token('b', ""), second)
		b.want(what+", first key by the name of the second", token('a', "second"), false)
		b.want(what+", a path as name", token('a', filepath.Join(dir, "first.pem")), false)
	}
	f("at first", true, false)

	writePublic(t, filepath.Join(dir, "second.pem"), 'b')
	f("before it was looked at", true, false)
	b.keeper.Look()
	f("both there", true, true)

	if err := os.WriteFile(filepath.Join(dir, "second.pem"), []byte("half a"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if b.keeper.Look() {
			t.Error("a broken file was taken")
		}
	}
	f("the second broken", true, true)
	if n := strings.Count(b.log.String(), "keys were not replaced"); n != 1 {
		t.Errorf("the log tells %d times what is wrong, want once:\n%s", n, b.log.String())
	}

	writePublic(t, filepath.Join(dir, "second.pem"), 'b')
	if err := os.Remove(filepath.Join(dir, "first.pem")); err != nil {
		t.Fatal(err)
	}
	b.keeper.Look()
	f("the first gone", false, true)

	if err := os.Remove(filepath.Join(dir, "second.pem")); err != nil {
		t.Fatal(err)
	}
	if b.keeper.Look() {
		t.Error("no key at all was taken")
	}
	f("an empty folder", false, true)
}

// Ensure the keys of a JWKS are good by their names, and stay while it cannot be had.
func TestFetch(t *testing.T) {
	b := newBench(t, auth.Config{JWKS: auth.JWKS{URL: url, Every: time.Minute}})
	f := func(what string, fetched, good bool) {
		t.Helper()
		if got := b.keeper.Fetch(t.Context()); got != fetched {
			t.Errorf("%s: fetched %v, want %v", what, got, fetched)
		}
		b.want(what, token('j', "theirs"), good)
	}
	b.want("before the first fetch", token('j', "theirs"), false)
	good := b.issuer.body
	b.issuer.err = io.ErrUnexpectedEOF
	f("down from the start", false, false)
	b.issuer.err = nil
	f("there", true, true)
	b.want("without a name", token('j', ""), false)
	b.want("another's", token('x', "theirs"), false)
	for what, body := range map[string]string{
		"empty": "", "a page": "<html>", "an empty set": `{"keys":[]}`, "cut": good[:len(good)-1], "endless": strings.Repeat(" ", keys.MaxBody) + good,
	} {
		b.issuer.body = body
		f(what, false, true)
	}
	b.issuer.body = good
	for _, status := range []int{http.StatusFound, http.StatusInternalServerError, http.StatusNoContent} {
		b.issuer.status = status
		f(http.StatusText(status), false, true)
	}
	b.issuer.status, b.issuer.err = http.StatusOK, io.ErrUnexpectedEOF
	f("down", false, true)
	b.issuer.err, b.issuer.body = nil, set(jwk('k', `,"kid":"theirs"`))
	f("another key by the same name", true, false)
	b.want("the new one", token('k', "theirs"), true)
}

// Ensure Run fetches at once, soon again after a failure, and then as often as configured; and that
// no token makes it fetch.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, auth.Config{JWKS: auth.JWKS{URL: url, Every: time.Hour}})
		b.issuer.err = io.ErrUnexpectedEOF
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.keeper.Run(ctx) }()
		f := func(wait time.Duration, want int) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			b.want("unknown", token('x', "unknown"), false)
			b.issuer.mu.Lock()
			defer b.issuer.mu.Unlock()
			if b.issuer.asked != want {
				t.Errorf("asked %d times, want %d", b.issuer.asked, want)
			}
		}
		f(time.Second, 1)
		f(5*time.Second, 2)
		f(10*time.Second, 3)
		b.issuer.mu.Lock()
		b.issuer.err = nil
		b.issuer.mu.Unlock()
		f(20*time.Second, 4)
		b.want("fetched", token('j', "theirs"), true)
		f(time.Hour, 5)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestRegister(t *testing.T) {
	b := newBench(t, auth.Config{JWKS: auth.JWKS{URL: url, Every: time.Minute}})
	registry := prometheus.NewRegistry()
	if err := b.keeper.Register(registry); err != nil {
		t.Fatal(err)
	}
	b.keeper.Fetch(t.Context())
	b.issuer.body = ""
	b.keeper.Fetch(t.Context())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"tallystick_auth_keys configuration": 0, "tallystick_auth_key_failures_total configuration": 0,
		"tallystick_auth_keys jwks": 1, "tallystick_auth_key_failures_total jwks": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
