//go:build e2e

package accounts_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/standing"
	"tallystick/internal/bus/bustest"
)

func TestPostgres(t *testing.T) {
	c := startCluster(t)
	hold(t, func() accounts.Config { return c.empty(t) })
}

// TestPostgresOverlap has a revocation committed after one of a higher number was read.
func TestPostgresOverlap(t *testing.T) {
	cfg, clock := startCluster(t).empty(t), at()
	db := open(t, cfg, clock)
	register, err := standing.New(t.Context(), db, false, clock.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tx, err := connect(t, cfg).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	ends := clock.now.Add(time.Hour)
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO revocations (jti, ends) VALUES ('slow', $1)", ends.Unix()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Revoke(t.Context(), "quick", ends); err != nil {
		t.Fatal(err)
	}
	revoked := func(id string, want bool) {
		t.Helper()
		if _, err := register.Now(t.Context(), auth.User{TokenID: id}); (err != nil) != want {
			t.Errorf("%s: got %v, want it revoked: %v", id, err, want)
		}
	}
	register.Step(t.Context())
	revoked("quick", true)
	revoked("slow", false)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	register.Step(t.Context())
	revoked("slow", true)
}

func TestPostgresPassword(t *testing.T) {
	cfg := startCluster(t).empty(t)
	cfg.PasswordFile = write(t, "wrong")
	db, err := accounts.Open(t.Context(), cfg, at().Now)
	if err == nil {
		db.Close()
	}
	if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "28P01" {
		t.Errorf("got %v, want that the password is wrong", err)
	}
}

// A cluster is a PostgreSQL of a test's own, which asks for a password.
type cluster struct {
	port      int
	password  string // file
	databases int
}

// startCluster starts one, which is ended with the test. A test is skipped where PostgreSQL is not installed.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(installed) == 0 {
		t.Skip("PostgreSQL is not installed (apt-get install postgresql)")
	}
	bin, who := filepath.Dir(slices.Max(installed)), unprivileged(t)
	c := &cluster{port: bustest.FreePort(t), password: write(t, "the \"p@ss:word\"/ of it?\n")}
	dir := filepath.Dir(c.password)
	give(t, who, filepath.Dir(dir), dir, c.password)
	data := filepath.Join(dir, "data")
	initdb := as(t.Context(), who, dir, bin+"/initdb", "-D", data, "-U", "tally", "-E", "UTF8", "--locale=C.UTF-8", "-N",
		"-A", "scram-sha-256", "--pwfile", c.password)
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	c.run(t, who, bin+"/postgres", data)
	return c
}

// run starts the server and waits until it answers. The shell ends it (SIGINT: at once, and cleanly) when its
// standard input does, with the test or with its process.
func (c *cluster) run(t *testing.T, who *syscall.Credential, program, data string) {
	t.Helper()
	server := as(context.Background(), who, data, "sh", "-c", `"$@" & read -r x; kill -INT $!; wait $!`, "sh", program, "-D", data,
		"-p", strconv.Itoa(c.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		server.Wait()
	})
	c.await(t, log.Name())
}

func (c *cluster) await(t *testing.T, log string) {
	t.Helper()
	db := connect(t, c.config("postgres"))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var err error
	for range 600 {
		if err = db.PingContext(t.Context()); err == nil {
			return
		}
		<-tick.C
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("PostgreSQL does not answer after 30 s: %v\n%s", err, text)
}

func (c *cluster) config(database string) accounts.Config {
	return accounts.Config{
		Database:     fmt.Sprintf("postgres://tally@127.0.0.1:%d/%s?sslmode=disable", c.port, database),
		PasswordFile: c.password,
	}
}

// empty returns a database that has nothing in it.
func (c *cluster) empty(t *testing.T) accounts.Config {
	t.Helper()
	c.databases++
	name := fmt.Sprintf("test%d", c.databases)
	if _, err := connect(t, c.config("postgres")).ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return c.config(name)
}

// connect opens a database past the package that is tested.
func connect(t *testing.T, cfg accounts.Config) *sql.DB {
	t.Helper()
	u, err := url.Parse(cfg.Database)
	if err != nil {
		t.Fatal(err)
	}
	password, err := os.ReadFile(cfg.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), string(password[:len(password)-1])) // without its end of line
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// write returns a file of a folder of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unprivileged returns who is to run PostgreSQL, which refuses to run as root; nil: who runs the test.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if errUID != nil || errGID != nil {
		t.Fatal(errUID, errGID)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// give gives files and folders to who runs PostgreSQL.
func give(t *testing.T, who *syscall.Credential, paths ...string) {
	t.Helper()
	if who == nil {
		return
	}
	for _, path := range paths {
		if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// as returns a command that who runs in dir.
func as(ctx context.Context, who *syscall.Credential, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	return cmd
}
