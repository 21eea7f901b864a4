package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"tallystick/internal/archive"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
)

const (
	user   = "tallystick"
	secret = "only-for-this-test"
	bucket = "archives"
)

// server starts a real MinIO, which make minio has built, and returns its address.
func server(t *testing.T) string {
	t.Helper()
	binary := os.Getenv("TALLYTEST_MINIO")
	if binary == "" {
		t.Skip("TALLYTEST_MINIO names no MinIO: make minio builds it")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	address := ln.Addr().String()
	fatal(t, ln.Close())
	cmd := exec.CommandContext(t.Context(), binary, "server", "--quiet", "--address", address, "--console-address", "127.0.0.1:0", t.TempDir())
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+user, "MINIO_ROOT_PASSWORD="+secret, "MINIO_BROWSER=off", "MINIO_UPDATE=off")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	fatal(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { <-ended })
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("MinIO ended: %v\n%s", err, said.String())
		case <-tick.C:
		}
		if resp, err := http.Get("http://" + address + "/minio/health/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return address
			}
		}
	}
}

// credentialsFile writes one as AWS's tools have it.
func credentialsFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	text := fmt.Sprintf("[archive]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user, secret)
	fatal(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// All that an archive is in a folder it is in a bucket of a real server.
func TestS3(t *testing.T) {
	address := server(t)
	client, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(user, secret, "")})
	fatal(t, err)
	fatal(t, client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}))
	_, err = client.PutObject(t.Context(), bucket, "of/another/2023-11-14/x", strings.NewReader("x"), 1, minio.PutObjectOptions{})
	fatal(t, err)

	c := archive.S3{
		Endpoint: address, Bucket: bucket, Prefix: "of/us", PathStyle: true, Profile: "archive",
		CredentialsFile: credentialsFile(t, secret),
	}
	target, err := archive.NewS3(c)
	fatal(t, err)
	targetHolds(t, target)

	m := random(rand.New(rand.NewPCG(7, 0)), 2)
	w := worker(m, t.TempDir(), durable.OS{})
	w.Target, w.Config.Parquet = target, true
	step(t, w, after(day0+2))
	got, damage := read(t, target)
	same(t, "bucket", got, m.contents(day0-30, day0+2))
	if more := append(damage, wrong(t, target)...); len(more) > 0 {
		t.Errorf("got %v, want nothing wrong", more)
	}
	step(t, again(w), after(day0+2)) // finds all there

	damageInBucket(t, target)
	w.Config.Keep = 24 * time.Hour
	step(t, w, time.Unix((day0+2).From(), 0))
	days, err := archive.Open(target, nil).Days(t.Context())
	fatal(t, err)
	if len(days) != 1 || days[0].Day != day0+1 {
		t.Errorf("got %d days, want the last one", len(days))
	}
	for o := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: "of/another/", Recursive: true}) {
		if o.Key != "of/another/2023-11-14/x" || o.Err != nil {
			t.Errorf("got %s, %v, want what is another's untouched", o.Key, o.Err)
		}
	}

	c.CredentialsFile = credentialsFile(t, "wrong, and long enough")
	w.Target, err = archive.NewS3(c)
	fatal(t, err)
	if err := again(w).Step(t.Context(), after(day0+2)); err == nil {
		t.Error("got no error without the right secret")
	}
}

// damageInBucket damages an object, and has it repaired.
func damageInBucket(t *testing.T, target archive.Target) {
	t.Helper()
	name := day0.String() + "/packets.avro"
	in, err := target.Open(t.Context(), name)
	fatal(t, err)
	whole, err := io.ReadAll(in)
	fatal(t, errors.Join(err, in.Close()))
	fatal(t, target.Put(t.Context(), name, bytes.NewReader(whole[:len(whole)-9]), int64(len(whole)-9)))
	if got := wrong(t, target); len(got) == 0 {
		t.Error("Verify found nothing")
	}
	a := archive.Open(target, func(string, error) {})
	days, err := a.Days(t.Context())
	fatal(t, err)
	r := archive.Mender{Archive: a, FS: durable.OS{}, Temp: t.TempDir()}
	for _, d := range days {
		fatal(t, r.Repair(t.Context(), d, func(archive.Repaired) {}))
	}
	if got := wrong(t, target); len(got) > 0 {
		t.Errorf("after the repair: %v", got)
	}
}

// targetHolds is what a Target must do.
func targetHolds(t *testing.T, target archive.Target) {
	t.Helper()
	name := "2000-01-01/a b+%ä.avro"
	put := func(text string) error {
		return target.Put(t.Context(), name, strings.NewReader(text), int64(len(text)))
	}
	if _, err := target.Open(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of nothing: got %v, want %v", err, fs.ErrNotExist)
	}
	fatal(t, target.Remove(t.Context(), name))
	for _, text := range []string{"one", "", "two"} {
		fatal(t, put(text))
		in, err := target.Open(t.Context(), name)
		fatal(t, err)
		got, err := io.ReadAll(in)
		fatal(t, errors.Join(err, in.Close()))
		if string(got) != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	if err := target.Put(t.Context(), name, strings.NewReader("short"), 9); err == nil {
		t.Error("put of less than was said: got no error")
	}
	fatal(t, target.Put(t.Context(), "2000-01-02/b", strings.NewReader("12"), 2))
	f := func(prefix, want string) {
		t.Helper()
		var got []string
		for o, err := range target.List(t.Context(), prefix) {
			fatal(t, err)
			got = append(got, fmt.Sprintf("%s %d", o.Name, o.Bytes))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("list of %q: got %q, want %q", prefix, got, want)
		}
	}
	f("", name+" 3, 2000-01-02/b 2")
	f("2000-01-01", name+" 3")
	f("2000-01-02/b", "2000-01-02/b 2")
	f("2000-01-03/", "")
	fatal(t, target.Remove(t.Context(), name))
	fatal(t, target.Remove(t.Context(), "2000-01-02/b"))
	f("", "")
}

func TestFolderTarget(t *testing.T) {
	targetHolds(t, folder(filepath.Join(t.TempDir(), "not", "there")))
	for _, bad := range []string{"", ".", "../x", "/etc/passwd", "a/../../x"} {
		if _, err := folder(t.TempDir()).Open(t.Context(), bad); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: got %v, want %v", bad, err, fs.ErrInvalid)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	f := func(change func(*archive.Config), want string) {
		t.Helper()
		c := archive.Default()
		change(&c)
		var got []string
		for _, p := range c.Check() {
			got = append(got, p.Key)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got problems with %q, want %q", got, want)
		}
	}
	f(func(*archive.Config) {}, "")
	f(func(c *archive.Config) { c.Codec = "lzma" }, "codec")
	f(func(c *archive.Config) { c.Every, c.After = 0, -1 }, "every after")
	f(func(c *archive.Config) { c.Keep, c.MaxBytes = time.Hour, -1 }, "keep max_bytes")
	f(func(c *archive.Config) { c.S3.Bucket = "b" }, "s3.bucket")
	f(func(c *archive.Config) { c.S3.Bucket, c.S3.Endpoint = "b", "https://x" }, "s3.endpoint")
	f(func(c *archive.Config) { c.S3.Prefix, c.S3.CAFile, c.S3.TLS = "/a", "ca.pem", false }, "s3.prefix s3.ca_file")
	c := archive.Default()
	if _, err := c.Target(durable.OS{}); err == nil || c.On() {
		t.Errorf("got %v and on %v, want no archive", err, c.On())
	}
	if checkpoint.Samples != archive.Kinds()[0] {
		t.Errorf("got %v, want samples first", archive.Kinds())
	}
}
