// Package certs has the certificate of a server, and whose certificates of clients it
// believes: read from files, and read again when these change.
//
// A handshake uses what was read last and fits together. Files that cannot be used change
// nothing but a counter, and are told once; those who renew certificates write two files,
// and one may be seen without the other.
package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// every is how often the files are looked at. A file system need not tell of changes, and
// these may come by a link to another folder (Kubernetes), so none is asked to tell.
const every = 10 * time.Second

// Config names files, in PEM.
type Config struct {
	Cert string `koanf:"cert"` // of the server, with those between it and the root; empty: no TLS
	Key  string `koanf:"key"`
	// ClientCA has who signs the certificates of clients. Empty: none is asked for. A client
	// need not show one, but one that it shows must be good.
	ClientCA string `koanf:"client_ca"`
}

// On reports whether TLS is spoken.
func (c Config) On() bool { return c.Cert != "" }

// Check returns what is wrong with c, the files aside.
func (c Config) Check() error {
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return errors.New("cert and key go together")
	case c.ClientCA != "" && c.Cert == "":
		return errors.New("client_ca needs cert and key")
	}
	return nil
}

// Certs are the certificates of a Config.
type Certs struct {
	cfg Config
	log *slog.Logger

	now atomic.Pointer[state]

	mu   sync.Mutex // held by Reload
	told string     // the error that was told last

	reloads, failures prometheus.Counter
}

// A state is what was read together.
type state struct {
	files  [][]byte
	config *tls.Config
	leaf   *x509.Certificate
}

// Open reads the files, and makes their numbers known to reg.
func Open(cfg Config, reg prometheus.Registerer, log *slog.Logger) (*Certs, error) {
	c := &Certs{
		cfg: cfg, log: log,
		reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_tls_reloads_total", Help: "Times that changed certificates were taken into use.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_tls_reload_failures_total", Help: "Times that the files of certificates were looked at and could not be used.",
		}),
	}
	first, err := c.read()
	if err != nil {
		return nil, err
	}
	c.now.Store(first)
	expiry := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tallystick_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate of the server ends.",
	}, func() float64 { return float64(c.Expiry().Unix()) })
	return c, errors.Join(reg.Register(expiry), reg.Register(c.reloads), reg.Register(c.failures))
}

// Expiry returns when the certificate of the server ends.
func (c *Certs) Expiry() time.Time { return c.now.Load().leaf.NotAfter }

// TLS returns the configuration of a server, for HTTP/2 and HTTP/1.1, that follows the files.
func (c *Certs) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load().config, nil },
	}
}

// Run looks at the files now and then, until ctx ends.
func (c *Certs) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.Reload()
		case <-ctx.Done():
			return nil
		}
	}
}

// Reload reads the files, and takes what is new in them into use. It may be called while
// Run runs.
func (c *Certs) Reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.told
	c.told = ""
	next, err := c.read()
	switch {
	case err != nil:
		c.failures.Inc()
		if c.told = err.Error(); c.told != told {
			c.log.Error("changed certificates cannot be used; those before stay", "err", err, "expiry", c.Expiry())
		}
	case !slices.EqualFunc(next.files, c.now.Load().files, bytes.Equal):
		c.now.Store(next)
		c.reloads.Inc()
		c.log.Info("changed certificates are in use", "expiry", next.leaf.NotAfter)
	}
}

// read makes a state of the files.
func (c *Certs) read() (*state, error) {
	var s state
	for _, path := range []string{c.cfg.Cert, c.cfg.Key, c.cfg.ClientCA} {
		if path == "" {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, raw)
	}
	pair, err := tls.X509KeyPair(s.files[0], s.files[1])
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", c.cfg.Cert, c.cfg.Key, err)
	}
	s.leaf = pair.Leaf
	s.config = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{pair},
	}
	if c.cfg.ClientCA == "" {
		return &s, nil
	}
	s.config.ClientAuth = tls.VerifyClientCertIfGiven
	s.config.ClientCAs = x509.NewCertPool()
	// A session that is resumed is one of before: whom it believed may be nobody now.
	s.config.SessionTicketsDisabled = true
	if !s.config.ClientCAs.AppendCertsFromPEM(s.files[2]) {
		return nil, fmt.Errorf("%s: has no certificate in PEM", c.cfg.ClientCA)
	}
	return &s, nil
}
