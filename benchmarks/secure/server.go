package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tallystick/benchmarks/process"
	"tallystick/benchmarks/workload"
)

// bodies returns the requests that are sent to each server.
func (b bench) bodies() (w *workload.Workload, out [][]byte, err error) {
	c := workload.Config{Shape: "telemetry", Nodes: b.nodes, Slots: b.slots, Seed: 1}
	if w, err = workload.New(c); err != nil {
		return nil, nil, err
	}
	c.Begin = time.Now().Unix() - int64(b.slots)*w.Step()
	c.Begin -= c.Begin % w.Step()
	if w, err = workload.New(c); err != nil {
		return nil, nil, err
	}
	for batch := range w.Batches(0, 1, b.batch) {
		out = append(out, w.AppendLines(nil, batch))
	}
	return w, out, nil
}

// A server is one under test, with one client.
type server struct {
	dir, url, token string
	client          *http.Client
	process         *process.Process
	begin           time.Duration // what it had used when it was ready
}

// start starts a server, and returns it also with an error, if there is something to end.
func start(ctx context.Context, bin string, w *workload.Workload, secure bool) (*server, error) {
	dir, err := os.MkdirTemp("", "secure-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, client: &http.Client{Transport: &http.Transport{}}}
	addr, err := process.FreeAddr(ctx)
	if err != nil {
		return s, err
	}
	s.url = "http://" + addr
	var config strings.Builder
	fmt.Fprintf(&config, "data_dir: %q\nudp: {listen: []}\nauth: {key_file: %q}\nhttp:\n  listen: %q\n",
		filepath.Join(dir, "data"), s.file("key.pem"), addr)
	if secure {
		if err := s.certify(); err != nil {
			return s, err
		}
		s.url = "https://" + addr
		fmt.Fprintf(&config, "  tls: {cert: %q, key: %q}\n", s.file("cert.pem"), s.file("cert.key"))
	}
	config.WriteString("metrics:\n")
	node, part := w.Columns()
	for _, m := range append(node, part...) {
		fmt.Fprintf(&config, "  %s: {step: %ds}\n", m.Metric(), w.Step())
	}
	if err := os.WriteFile(s.file("config.yaml"), []byte(config.String()), 0o600); err != nil {
		return s, err
	}
	return s, s.launch(ctx, bin)
}

func (s *server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *server) launch(ctx context.Context, bin string) error {
	token, err := exec.CommandContext(ctx, bin, "token", "--config", s.file("config.yaml"), "--role", "writer", "--subject", "bench").Output()
	if err != nil {
		return fmt.Errorf("make token: %w", err)
	}
	s.token = strings.TrimSpace(string(token))
	cmd := exec.CommandContext(ctx, bin, "serve", "--config", s.file("config.yaml"))
	if s.process, err = process.Start(cmd, s.file("log")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = s.process.Poll(ctx, func() bool { return s.ask(ctx, http.MethodGet, "/readyz", nil) == nil })
	s.begin = s.process.Usage().CPU
	return err
}

// certify makes a certificate as an authority would, of the usual kind (P-256), and has the
// client believe it.
func (s *server) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, errCert := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	der, errKey := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(errCert, errKey); err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return errors.Join(
		os.WriteFile(s.file("cert.pem"), text, 0o600),
		os.WriteFile(s.file("cert.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// take sends lines, all of which must be taken.
func (s *server) take(ctx context.Context, body []byte) error {
	return s.ask(ctx, http.MethodPost, "/api/v1/write?fields=all&precision=s", body)
}

func (s *server) ask(ctx context.Context, method, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 || method == http.MethodPost && res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s: status %d: %.300s", path, res.StatusCode, text)
	}
	return nil
}

// used is the processor time since it was ready.
func (s *server) used() time.Duration { return s.process.Usage().CPU - s.begin }

func (s *server) end() {
	if s.process != nil {
		s.process.Kill()
	}
	s.client.CloseIdleConnections()
	_ = os.RemoveAll(s.dir) // a folder of this run
}
