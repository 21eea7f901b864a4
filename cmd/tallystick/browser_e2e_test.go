//go:build e2e

package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const chromium = "/usr/bin/chromium"

// Ensure a person logs in with a real browser: is sent to the login, told of a wrong password,
// lands on the page that was wanted, and is nobody after the logout.
func TestLoginInBrowser(t *testing.T) {
	need(t, chromium, "--version")
	h := newHome(t)
	accounts := []string{"--config", h.config, "--set", "auth.accounts.database=" + filepath.Join(h.dir, "accounts.db")}
	newToken(t, h) // and the key
	add := exec.CommandContext(t.Context(), binary, append([]string{"user", "add", "alice", "--role", "validator"}, accounts...)...)
	add.Env, add.Stdin = environ(), strings.NewReader("sesame\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
	p := launch(t, h, append([]string{"serve"}, accounts...)...)
	p.waitReady()

	b := browse(t, "http://"+h.http)
	const report = "/api/v1/validation"
	const login = "/login?next=%2Fapi%2Fv1%2Fvalidation"
	b.open(report)
	b.sees(login, "Log in")
	b.keepPicture("login.png")
	b.logIn("alice", "open")
	b.sees("/login", "Not logged in: wrong name or password.")
	b.keepPicture("wrong.png")
	if got := b.ask(chromedp.Evaluate[string]("document.activeElement.name")); got != "password" {
		t.Errorf("got the cursor in %q, want it where the mistake was", got)
	}
	b.logIn("", "sesame") // the name is kept
	b.sees(report, "What clients moved")
	b.keepPicture("report.png")
	b.open("/account")
	b.sees("/account", "validator")
	b.keepPicture("account.png")
	b.press("button")
	b.sees("/login", "Log in")
	b.open(report)
	b.sees(login, "Log in")
	b.open("/account")
	b.sees("/login", "Log in")
	p.terminate()
}

// A browser is a headless Chromium with one tab.
type browser struct {
	t      *testing.T
	tab    context.Context
	origin string
}

// browse starts a browser with a profile of its own. It is ended with the test.
func browse(t *testing.T, origin string) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1000, 700),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)
	t.Cleanup(end)
	tab, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	return &browser{t: t, tab: tab, origin: origin}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.tab, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// ask returns what the tab answers.
func (b *browser) ask(question chromedp.Action[string]) string {
	b.t.Helper()
	answer, err := chromedp.Run(b.tab, question)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.origin + path))
}

// logIn adds to what the form holds and sends it.
func (b *browser) logIn(name, password string) {
	b.t.Helper()
	b.do(
		chromedp.SendKeys(chromedp.CSS(`[name=username]`), name),
		chromedp.SendKeys(chromedp.CSS(`[name=password]`), password),
	)
	b.press("button")
}

// press returns when the page has come that the button leads to.
func (b *browser) press(button string) {
	b.t.Helper()
	_, err := chromedp.RunResponse(b.tab, chromedp.Click(chromedp.CSS(button)))
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) sees(at, text string) {
	b.t.Helper()
	where, body := b.ask(chromedp.Location()), b.ask(chromedp.Text(chromedp.CSS("body")))
	if where != b.origin+at || !strings.Contains(body, text) {
		b.t.Errorf("got %s: %.300q, want %s and %q", where, body, at, text)
	}
}

// keepPicture writes what the tab shows into the folder of TALLYTEST_PICTURES, if there is one, for people to look at.
func (b *browser) keepPicture(name string) {
	b.t.Helper()
	dir := os.Getenv("TALLYTEST_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.tab, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
