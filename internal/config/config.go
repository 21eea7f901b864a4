// Package config is what an operator may choose, all of it.
//
// Each package has its own Config type; this one puts them together under one
// key each, and reads them as package settings does, with the prefix TALLYSTICK_. Every default
// is in Default, which takes it from the package that knows it; configs/tallystick.yaml tells all
// of them, and a test compares the two.
package config

import (
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/auth"
	"tallystick/internal/auth/accounts"
	"tallystick/internal/auth/github"
	"tallystick/internal/auth/jwtlogin"
	"tallystick/internal/auth/ldap"
	"tallystick/internal/auth/login"
	"tallystick/internal/auth/oidc"
	"tallystick/internal/auth/throttle"
	"tallystick/internal/bus/amqp"
	"tallystick/internal/bus/nats"
	"tallystick/internal/bus/stomp"
	"tallystick/internal/certs"
	"tallystick/internal/checkpoint"
	"tallystick/internal/collect"
	"tallystick/internal/forward"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/ledger"
	"tallystick/internal/logs"
	"tallystick/internal/metric"
	"tallystick/internal/query"
	"tallystick/internal/rdns"
	"tallystick/internal/reconcile"
	"tallystick/internal/retain"
	"tallystick/internal/source"
	"tallystick/internal/store"
	"tallystick/internal/validate"
	"tallystick/internal/wal"
)

// A Config is what an operator has chosen.
type Config struct {
	// Development serves loopback only and makes its own key. The default is true
	// if there is no configuration file, and false if there is one.
	Development bool `koanf:"development"`
	// DataDir is where all is kept that outlives the process.
	DataDir string `koanf:"data_dir"`
	// Grace is how long stopping may take.
	Grace time.Duration `koanf:"grace"`

	Log   logs.Config                  `koanf:"log"`
	HTTP  HTTP                         `koanf:"http"`
	UDP   source.Config                `koanf:"udp"`
	NATS  source.NATSConfig            `koanf:"nats"`
	AMQP  source.AMQPConfig            `koanf:"amqp"`
	STOMP source.STOMPConfig           `koanf:"stomp"`
	Files map[string]source.FileConfig `koanf:"files"` // by name
	Auth  Auth                         `koanf:"auth"`

	XRootD  XRootD            `koanf:"xrootd"`
	Metrics map[string]Metric `koanf:"metrics"` // besides those of XRootD, by name

	Ingest     ingest.Config     `koanf:"ingest"`
	Collect    collect.Config    `koanf:"collect"`
	Reconcile  reconcile.Config  `koanf:"reconcile"`
	DNS        rdns.Config       `koanf:"dns"`
	Store      store.Config      `koanf:"store"`
	Ledger     ledger.Config     `koanf:"ledger"`
	Query      query.Config      `koanf:"query"`
	Validation validate.Config   `koanf:"validate"`
	Retention  retain.Config     `koanf:"retention"`
	Checkpoint checkpoint.Config `koanf:"checkpoint"`
	WAL        wal.Config        `koanf:"wal"`
	Archive    archive.Config    `koanf:"archive"`
	Records    forward.Config    `koanf:"records"`
}

// HTTP is how the API is served.
type HTTP struct {
	Listen []string     `koanf:"listen"` // as of Network
	TLS    certs.Config `koanf:"tls"`
	// Cleartext lets tokens and data be seen by who sees the network: without TLS only
	// loopback and unix sockets are served otherwise.
	Cleartext bool `koanf:"cleartext"`
	// TrustedProxies are networks whose hosts are believed from where a request comes.
	TrustedProxies []string `koanf:"trusted_proxies"`
	// Connections are how many each address may have at a time; more wait until one ends.
	Connections int            `koanf:"connections"`
	API         httpapi.Config `koanf:",squash"`
}

// Network returns the network of an address to listen on, and the address there: host:port
// is TCP, unix:PATH a socket in the file system.
func Network(address string) (network, at string) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", path
	}
	return "tcp", address
}

// Auth is who may do what.
type Auth struct {
	auth.Config `koanf:",squash"` // tokens

	// Of people.
	Accounts accounts.Config `koanf:"accounts"`
	Sessions login.Config    `koanf:"sessions"`
	Throttle throttle.Config `koanf:"throttle"`
	// Hashes is how many passwords are checked at once; each takes 19 MiB.
	Hashes int `koanf:"hashes"`
	// ValidateUser has the roles of accounts count for who shows a token.
	ValidateUser bool                   `koanf:"validate_user"`
	JWTSession   jwtlogin.SessionConfig `koanf:"jwt_session"`
	JWTCookie    jwtlogin.CookieConfig  `koanf:"jwt_cookie"`
	// Whom others know.
	LDAP   ldap.Config            `koanf:"ldap"`
	OIDC   map[string]oidc.Config `koanf:"oidc"` // by the name in their routes
	GitHub github.Config          `koanf:"github"`
}

// XRootD is about the metrics of XRootD transfers.
type XRootD struct {
	Step time.Duration `koanf:"step"` // of each of them; whole seconds
}

// A Metric is one that others send.
type Metric struct {
	Step        time.Duration      `koanf:"step"` // whole seconds
	Fold        metric.Fold        `koanf:"fold"`
	Aggregation metric.Aggregation `koanf:"aggregation"`
	Unit        string             `koanf:"unit"`
}

// Default returns the configuration of an operator who chooses nothing, but that
// an empty Checkpoint.Dir is DataDir and that Development is false.
func Default() Config {
	return Config{
		DataDir: "checkpoints",
		Grace:   30 * time.Second,
		Log:     logs.Config{Level: slog.LevelInfo, Format: logs.Text},
		HTTP: HTTP{Listen: []string{"127.0.0.1:8080"}, TrustedProxies: []string{}, Connections: 4096, API: httpapi.Config{
			MaxBody: 1 << 30, Stall: 30 * time.Second, Limits: httpapi.DefaultLimits(),
		}},
		UDP:        source.Config{Listen: []string{"127.0.0.1:9993"}, Buffer: 32 << 20, Sockets: 1},
		NATS:       source.NATSConfig{Broker: nats.Config{URLs: []string{}, Retry: nats.DefaultRetry}},
		AMQP:       source.AMQPConfig{Broker: amqp.Config{URLs: []string{}, Retry: amqp.DefaultRetry}},
		STOMP:      source.STOMPConfig{Broker: stomp.Config{URLs: []string{}, Retry: stomp.DefaultRetry}},
		Auth:       Auth{Config: auth.Default(), Sessions: login.Default(), Throttle: throttle.Default(), Hashes: 2, LDAP: ldap.Default(), GitHub: github.Default()},
		XRootD:     XRootD{Step: time.Minute},
		Ingest:     ingest.Default(),
		Collect:    collect.Default(),
		Reconcile:  reconcile.Default(),
		DNS:        rdns.Default(),
		Store:      store.Config{MaxBytes: 4 << 30},
		Ledger:     ledger.Default(),
		Query:      query.Config{MaxValues: 50_000_000},
		Validation: validate.Default(),
		Retention:  retain.Default(),
		Checkpoint: checkpoint.Default(),
		WAL:        wal.Default(),
		Archive:    archive.Default(),
		Records:    forward.Default(),
	}
}

// Off is the Archive.Dir of an operator who wants none.
const Off = "off"

// resolved returns c with what follows from something else filled in.
func (c Config) resolved() Config {
	if c.Checkpoint.Dir == "" {
		c.Checkpoint.Dir = c.DataDir
	}
	if c.WAL.Dir == "" {
		c.WAL.Dir = filepath.Join(c.Checkpoint.Dir, "log")
	}
	switch c.Archive.Dir {
	case "":
		c.Archive.Dir = filepath.Join(c.DataDir, "archive")
	case Off:
		c.Archive.Dir = ""
	}
	if c.Development && c.Auth.KeyFile == "" && c.Auth.PublicKey == "" {
		c.Auth.KeyFile = filepath.Join(c.DataDir, "key.pem")
	}
	if db := c.Auth.Accounts.Database; db != "" && !c.Auth.Accounts.IsPostgres() && !filepath.IsAbs(db) {
		c.Auth.Accounts.Database = filepath.Join(c.DataDir, db)
	}
	c.Auth.Sessions.Plain = c.Auth.Sessions.Plain || c.Development
	return c
}

// MetricTable returns the metrics of XRootD and the configured ones. The table
// learns others as ingest.learn says.
func (c Config) MetricTable() (*metric.Table, error) {
	rows := metric.XRootD(seconds(c.XRootD.Step))
	for name, m := range c.Metrics {
		rows = append(rows, metric.Metric{
			Name: name, Step: seconds(m.Step), Fold: m.Fold, Aggregation: m.Aggregation, Unit: m.Unit,
		})
	}
	t, err := metric.NewTable(rows)
	if err != nil {
		return nil, err
	}
	return t, t.SetLearn(c.Ingest.Learn.Metrics())
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
