package archive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is where a bucket is, and who we are there.
type S3 struct {
	Endpoint string `koanf:"endpoint"` // host, or host:port
	Bucket   string `koanf:"bucket"`   // which must be there; empty: none is used
	Prefix   string `koanf:"prefix"`   // folder in it
	Region   string `koanf:"region"`   // empty: the endpoint is asked

	// CredentialsFile is in the format of ~/.aws/credentials, of which Profile is used.
	// Without, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are, or MINIO_ROOT_USER and
	// MINIO_ROOT_PASSWORD, or the role of the machine.
	CredentialsFile string `koanf:"credentials_file"`
	Profile         string `koanf:"profile"` // default "default"

	TLS       bool   `koanf:"tls"`        // default true
	CAFile    string `koanf:"ca_file"`    // PEM; empty: the system's
	PathStyle bool   `koanf:"path_style"` // the bucket is in the path, not in the host's name
}

func (c S3) check(wrong func(bad bool, key, format string, args ...any)) {
	wrong((c.Bucket == "") != (c.Endpoint == ""), "s3.bucket", "an endpoint needs a bucket, and a bucket an endpoint")
	wrong(strings.Contains(c.Endpoint, "/"), "s3.endpoint", "%q is not host or host:port; s3.tls says whether it is https", c.Endpoint)
	wrong(c.Prefix != "" && !fs.ValidPath(c.Prefix), "s3.prefix", "%q is not a plain path", c.Prefix)
	wrong(c.CAFile != "" && !c.TLS, "s3.ca_file", "is of no use without s3.tls")
}

// A Bucket is a Target in an S3 bucket.
type Bucket struct {
	client         *minio.Client
	bucket, prefix string
}

// NewS3 returns the archive in a bucket. Nothing is asked of the network yet.
func NewS3(c S3) (*Bucket, error) {
	transport, err := minio.DefaultTransport(c.TLS)
	if err == nil && c.CAFile != "" {
		err = trust(transport, c.CAFile)
	}
	if err != nil {
		return nil, fmt.Errorf("archive.s3: %w", err)
	}
	lookup := minio.BucketLookupAuto
	if c.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds: c.credentials(), Secure: c.TLS, Region: c.Region, BucketLookup: lookup, Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("archive.s3: %w", err)
	}
	return &Bucket{client, c.Bucket, c.Prefix}, nil
}

func (c S3) credentials() *credentials.Credentials {
	if c.CredentialsFile != "" {
		return credentials.NewFileAWSCredentials(c.CredentialsFile, c.Profile)
	}
	return credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.EnvMinio{}, &credentials.IAM{}})
}

func trust(t *http.Transport, file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: there is no certificate in it", file)
	}
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.TLSClientConfig.RootCAs = pool
	return nil
}

// String names it for people.
func (b *Bucket) String() string {
	return b.client.EndpointURL().JoinPath(b.bucket, b.prefix).String()
}

func (b *Bucket) key(name string) string { return path.Join(b.prefix, name) }

// Put implements Target. An object is there as a whole or not, which S3 promises.
func (b *Bucket) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	_, err := b.client.PutObject(ctx, b.bucket, b.key(name), body, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", SendContentMd5: true,
	})
	return b.wrapped("put", name, err)
}

// Open implements Target.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := b.client.GetObject(ctx, b.bucket, b.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, b.wrapped("get", name, err)
	}
	if _, err := o.Stat(); err != nil { // nothing was asked before
		return nil, errors.Join(b.wrapped("get", name, err), o.Close())
	}
	return o, nil
}

// List implements Target.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends who sends to the channel
		root := ""
		if b.prefix != "" {
			root = b.prefix + "/"
		}
		objects := b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: root + prefix, Recursive: true})
		for o := range objects {
			if o.Err != nil {
				yield(Object{}, b.wrapped("list", prefix, o.Err))
				return
			}
			name := strings.TrimPrefix(o.Key, root)
			if day, _, found := strings.Cut(name, "/"); !found || !isDay(day) {
				continue
			}
			if !yield(Object{Name: name, Bytes: o.Size}, nil) {
				return
			}
		}
	}
}

func isDay(s string) bool {
	_, err := ParseDay(s)
	return err == nil
}

// Remove implements Target.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	return b.wrapped("remove", name, b.client.RemoveObject(ctx, b.bucket, b.key(name), minio.RemoveObjectOptions{}))
}

// wrapped says what was being done, and that an object is not there in the words of
// package fs.
func (b *Bucket) wrapped(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		err = fs.ErrNotExist
	}
	return fmt.Errorf("%s %s in bucket %s: %w", doing, b.key(name), b.bucket, err)
}
