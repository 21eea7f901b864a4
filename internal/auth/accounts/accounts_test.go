package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
)

// A clock stands still until it is set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func at() *clock { return &clock{time.Unix(1_800_000_000, 0)} }

func open(t *testing.T, cfg accounts.Config, c *clock) *accounts.DB {
	t.Helper()
	db, err := accounts.Open(t.Context(), cfg, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func file(t *testing.T) accounts.Config {
	t.Helper()
	return accounts.Config{Database: filepath.Join(t.TempDir(), "a folder?", "accounts #1.db")}
}

func TestSQLite(t *testing.T) { hold(t, func() accounts.Config { return file(t) }) }

// hold holds that databases, each empty at first, are what they should.
func hold(t *testing.T, empty func() accounts.Config) {
	t.Helper()
	for name, f := range map[string]func(*testing.T, accounts.Config){
		"accounts": holdAccounts, "generation": holdGeneration, "sessions": holdSessions,
		"revocations": holdRevocations, "processes": holdProcesses, "together": holdTogether,
		"crowd": holdCrowd,
	} {
		cfg := empty()
		t.Run(name, func(t *testing.T) { f(t, cfg) })
	}
}

func alice() accounts.Account {
	return accounts.Account{
		User: auth.User{
			Name: "alice", Source: "local", DisplayName: "Alice Ö.", Email: "a@example.org",
			Roles: []auth.Role{auth.Viewer, auth.Validator}, Projects: []string{"p"},
			Bounds: auth.Bounds{Clusters: []string{"c"}, Sites: []string{"s"}, Client: "x"},
		},
		Subject: "alice", Password: "hash",
	}
}

func holdAccounts(t *testing.T, cfg accounts.Config) {
	t.Helper()
	db, ctx := open(t, cfg, at()), t.Context()
	if err := db.Add(ctx, alice()); err != nil {
		t.Fatal(err)
	}
	want := alice()
	want.ID, want.Generation, want.Created = 1, 1, at().now
	got, err := db.Account(ctx, "alice")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	same := func(a accounts.Account, err error) {
		t.Helper()
		if diff := cmp.Diff(want, a); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	same(db.ByID(ctx, 1))
	same(db.BySubject(ctx, "local", "alice"))

	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	is(db.Add(ctx, alice()), accounts.ErrTaken)
	other := alice()
	other.Name = "bob"
	is(db.Add(ctx, other), accounts.ErrTaken) // of the same subject
	_, err = db.Account(ctx, "Alice")
	is(err, accounts.ErrNotFound)
	_, err = db.Account(ctx, "' OR 1=1 --")
	is(err, accounts.ErrNotFound)
	is(db.Change(ctx, 7, func(*accounts.Account) {}), accounts.ErrNotFound)

	is(db.Delete(ctx, "alice"), nil)
	is(db.Delete(ctx, "alice"), accounts.ErrNotFound)
	is(db.Add(ctx, alice()), nil)
	if again, err := db.Account(ctx, "alice"); err != nil || again.ID == want.ID {
		t.Errorf("got %v, id %d: an id was given a second time", err, again.ID)
	}
	other.Subject = "bob"
	is(db.Add(ctx, other), nil)
	all, err := db.List(ctx)
	if err != nil || len(all) != 2 || all[0].Name != "alice" || all[1].Name != "bob" {
		t.Errorf("got %v, %v, want alice and bob", all, err)
	}
}

// holdGeneration holds that a new password, disabling and enabling raise the generation, and
// nothing else does.
func holdGeneration(t *testing.T, cfg accounts.Config) {
	t.Helper()
	db, ctx := open(t, cfg, at()), t.Context()
	if err := db.Add(ctx, alice()); err != nil {
		t.Fatal(err)
	}
	f := func(want int64, do func(*accounts.Account)) {
		t.Helper()
		err := db.Change(ctx, 1, do)
		a, errRead := db.ByID(ctx, 1)
		if a.Generation != want || err != nil || errRead != nil {
			t.Errorf("got generation %d, %v, %v, want %d", a.Generation, err, errRead, want)
		}
	}
	f(1, func(a *accounts.Account) { a.Roles, a.Email = []auth.Role{auth.Admin}, "b@example.org" })
	f(2, func(a *accounts.Account) { a.Password = "other" })
	f(3, func(a *accounts.Account) { a.Disabled = true })
	f(4, func(a *accounts.Account) { a.Disabled = false })
	if err := db.Rehash(ctx, 1, "other", "better"); err != nil {
		t.Fatal(err)
	}
	f(4, func(*accounts.Account) {})
	if err := db.Rehash(ctx, 1, "other", "too late"); err != nil {
		t.Fatal(err)
	}
	if a, err := db.ByID(ctx, 1); a.Password != "better" || a.Email != "b@example.org" || err != nil {
		t.Errorf("got %+v, %v", a, err)
	}
}

func holdSessions(t *testing.T, cfg accounts.Config) {
	t.Helper()
	c := at()
	db := open(t, cfg, c)
	s := db.Sessions(2)
	owned := accounts.Owned(t.Context(), "account 1")
	commit := func(ctx context.Context, token string, ends int) {
		t.Helper()
		if err := s.CommitCtx(ctx, token, []byte("data of "+token), c.now.Add(time.Duration(ends)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	has := func(want ...string) {
		t.Helper()
		var got []string
		for _, token := range []string{"a", "b", "c", "d", "x"} {
			data, found, err := s.FindCtx(t.Context(), token)
			if err != nil || found != (string(data) == "data of "+token) {
				t.Errorf("%s: got %q, %v, %v", token, data, found, err)
			}
			if found {
				got = append(got, token)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sessions (-want +got):\n%s", diff)
		}
	}
	has()
	commit(t.Context(), "x", 100) // nobody's: it is not made
	has()
	commit(owned, "a", 10)
	commit(owned, "b", 20)
	commit(accounts.Owned(t.Context(), "account 2"), "d", 5)
	has("a", "b", "d")
	commit(owned, "c", 30) // one too many
	has("b", "c", "d")
	commit(t.Context(), "d", 40)
	c.now = c.now.Add(21 * time.Second)
	has("c", "d")
	if err := db.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(-21 * time.Second)
	has("c", "d")
	if err := s.DeleteCtx(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	commit(t.Context(), "c", 30) // a request that began before comes to its end
	has("d")
	if err := db.EndSessions(t.Context(), "account 2"); err != nil {
		t.Fatal(err)
	}
	has()
}

// holdCrowd holds that one owner has no more sessions than may be where many are made at once.
func holdCrowd(t *testing.T, cfg accounts.Config) {
	t.Helper()
	const most, crowd = 2, 16
	c := at()
	s := open(t, cfg, c).Sessions(most)
	owned := accounts.Owned(t.Context(), "account 1")
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			if err := s.CommitCtx(owned, strconv.Itoa(i), []byte("x"), c.now.Add(time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	n := 0
	for i := range crowd {
		_, found, err := s.FindCtx(t.Context(), strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		if found {
			n++
		}
	}
	if n != most {
		t.Errorf("got %d sessions, want %d", n, most)
	}
}

func holdRevocations(t *testing.T, cfg accounts.Config) {
	t.Helper()
	c := at()
	db := open(t, cfg, c)
	revoke := func(id string, want bool) {
		t.Helper()
		if fresh, err := db.Revoke(t.Context(), id, c.now.Add(time.Hour)); fresh != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", id, fresh, err, want)
		}
	}
	revoke("a", true)
	revoke("b", true)
	revoke("a", false)
	revoke("c", true)
	ids := func(after int64, want ...string) (last int64) {
		t.Helper()
		rs, err := db.Revocations(t.Context(), after, 2)
		var got []string
		for _, r := range rs {
			got, last = append(got, r.ID), r.Serial
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		return last
	}
	last := ids(0, "a", "b")
	last = ids(last, "c")
	ids(last)
	c.now = c.now.Add(2 * time.Hour)
	ids(0)
	if err := db.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	revoke("a", true)
}

// holdProcesses holds that what one process changes another knows at once, and that two may
// begin at the same time.
func holdProcesses(t *testing.T, cfg accounts.Config) {
	t.Helper()
	dbs := make([]*accounts.DB, 4)
	var all sync.WaitGroup
	for i := range dbs {
		all.Go(func() {
			var err error
			if dbs[i], err = accounts.Open(t.Context(), cfg, at().Now); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, db := range dbs {
		if db == nil {
			t.Fatal("not open")
		}
		t.Cleanup(func() { db.Close() })
		a := alice()
		a.Name, a.Subject = strconv.Itoa(i), strconv.Itoa(i)
		if err := db.Add(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if list, err := dbs[0].List(t.Context()); len(list) != i+1 || err != nil {
			t.Errorf("got %d, %v, want %d", len(list), err, i+1)
		}
	}
}

// holdTogether holds that no change is lost where several are made at the same time.
func holdTogether(t *testing.T, cfg accounts.Config) {
	t.Helper()
	db, ctx := open(t, cfg, at()), t.Context()
	if err := db.Add(ctx, alice()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 10 {
				err := db.Change(ctx, 1, func(a *accounts.Account) { a.Password += fmt.Sprintf(" %d.%d", i, n) })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	a, err := db.ByID(ctx, 1)
	if n := strings.Count(a.Password, "."); n != 40 || a.Generation != 41 || err != nil {
		t.Errorf("got %d changes, generation %d, %v, want 40, 41", n, a.Generation, err)
	}
}

// Ensure the file is its owner's only, and those beside it too.
func TestPrivate(t *testing.T) {
	cfg := file(t)
	db := open(t, cfg, at())
	if err := db.Add(t.Context(), alice()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Dir(cfg.Database) + "/*")
	if err != nil || len(files) != 3 {
		t.Fatalf("got %q, %v, want the database, its log and index", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want mode 0600", f, info, err)
		}
	}
}

func TestOpenFails(t *testing.T) {
	broken := file(t)
	if err := os.MkdirAll(filepath.Dir(broken.Database), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken.Database, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []accounts.Config{
		broken,
		{Database: t.TempDir()},
		{Database: "postgres://a@127.0.0.1:1/x", PasswordFile: filepath.Join(t.TempDir(), "none")},
	} {
		if db, err := accounts.Open(t.Context(), cfg, at().Now); err == nil {
			db.Close()
			t.Errorf("%+v: got no error", cfg)
		}
	}
}

func TestCheck(t *testing.T) {
	for database, want := range map[string]bool{
		"": true, "accounts.db": true, "postgres://a@h/d": true, "postgresql://a@h/d?sslmode=disable": true,
		"postgres://a:secret@h/d": false, "postgres://h/d?password=secret": false, "postgres://%zz:secret@h": false,
		"mysql://h/d": false, "sqlite://accounts.db": false, "Postgres://a@h/d": false, "a:b.db": true,
	} {
		err := accounts.Config{Database: database}.Check()
		if (err == nil) != want || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want it good: %v", database, err, want)
		}
	}
}

func TestName(t *testing.T) {
	f := func(text, want, wrong string) {
		t.Helper()
		got, err := accounts.Name(text)
		if got != want || (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%.20q: got %q, %v, want %q, %q", text, got, err, want, wrong)
		}
	}
	f("alice", "alice", "")
	f("e\u0301", "\u00e9", "")
	f("", "", "empty")
	f(" ", "", "empty")
	f("alice ", "", "space")
	f("a\x00b", "", "printed")
	f("a\nb", "", "printed")
	f("a\u202eb", "", "printed")
	f("\xff", "", "UTF-8")
	f(strings.Repeat("x", 129), "", "longer")
}
