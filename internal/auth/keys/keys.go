// Package keys keeps the keys that tokens are checked with up to date: it looks at the files
// again, and fetches the JWKS, both in the background.
//
// Rules:
//
//   - What cannot be read, or is not whole, changes nothing: the keys from before stay, it is
//     logged once, and counted.
//   - No token can make it fetch: who could would choose the load of the other server.
//   - What it reads is bounded in bytes, keys and time, and it follows no redirects.
package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/auth"
)

const (
	// lookEvery is how often files are looked at: a key may be taken away because it is known
	// to others.
	lookEvery = 10 * time.Second
	// firstRetry and lastRetry are how long a failed fetch waits for the next: doubled each time.
	firstRetry, lastRetry = 5 * time.Second, 5 * time.Minute
	// timeout is how long one fetch may take.
	timeout = 10 * time.Second
)

// A Verifier takes the keys: *auth.Verifier.
type Verifier interface {
	UseConfigured(keys []auth.NamedKey)
	UseFetched(keys []auth.NamedKey)
	Keys() (configured, fetched int)
}

// A Keeper keeps the keys of a Verifier.
type Keeper struct {
	cfg      auth.Config
	verifier Verifier
	client   *http.Client
	log      *slog.Logger

	badFiles string // what was wrong with the files the last time
	badSet   string // and with the JWKS
	failed   [2]atomic.Uint64
}

// New returns a keeper. A nil client is one with the system's certificates.
func New(cfg auth.Config, v Verifier, client *http.Client, log *slog.Logger) *Keeper {
	if client == nil {
		client = &http.Client{}
	}
	own := *client
	own.Timeout = timeout
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Keeper{cfg: cfg, verifier: v, client: &own, log: log}
}

// Run keeps them until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	look, fetch := time.NewTicker(lookEvery), time.NewTimer(0)
	defer look.Stop()
	defer fetch.Stop()
	if k.cfg.JWKS.URL == "" {
		fetch.Stop()
	}
	retry := firstRetry
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			k.Look()
		case <-fetch.C:
			if k.Fetch(ctx) {
				retry = firstRetry
				fetch.Reset(k.cfg.JWKS.Every)
				continue
			}
			fetch.Reset(min(retry, k.cfg.JWKS.Every))
			retry = min(2*retry, lastRetry)
		}
	}
}

// Look reads the files, and reports whether it could.
func (k *Keeper) Look() bool {
	keys, err := k.cfg.LoadKeys()
	if err == nil && len(keys) == 0 && k.cfg.JWKS.URL == "" {
		err = errors.New("there is none left") // the folder is empty, or not mounted
	}
	if k.bad(&k.badFiles, &k.failed[0], "keys of files are those of before", err) {
		return false
	}
	k.verifier.UseConfigured(keys)
	return true
}

// Fetch gets the JWKS, and reports whether it could.
func (k *Keeper) Fetch(ctx context.Context) bool {
	body, err := k.get(ctx)
	var keys []auth.NamedKey
	if err == nil {
		keys, _, err = Parse(body)
	}
	if ctx.Err() != nil || k.bad(&k.badSet, &k.failed[1], "keys of the JWKS are those of before", err) {
		return false
	}
	k.verifier.UseFetched(keys)
	return true
}

// bad counts an error, and logs it unless it was the same the last time.
func (k *Keeper) bad(last *string, count *atomic.Uint64, what string, err error) bool {
	if err == nil {
		*last = ""
		return false
	}
	count.Add(1)
	if text := err.Error(); text != *last {
		*last = text
		k.log.Warn("keys were not replaced", "what", what, "err", err)
	}
	return true
}

func (k *Keeper) get(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.cfg.JWKS.URL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := k.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch keys: status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	return body, nil
}

// Register makes its counts known: how many keys there are, and how often they could not be read.
func (k *Keeper) Register(r prometheus.Registerer) error {
	var errs []error
	for i, source := range []string{"configuration", "jwks"} {
		labels := prometheus.Labels{"source": source}
		errs = append(errs,
			r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "tallystick_auth_keys", Help: "Public keys that tokens are checked with.", ConstLabels: labels,
			}, func() float64 { return k.count(i) })),
			r.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "tallystick_auth_key_failures_total", Help: "Times that keys could not be read, so that those of before stayed.",
				ConstLabels: labels,
			}, func() float64 { return float64(k.failed[i].Load()) })))
	}
	return errors.Join(errs...)
}

func (k *Keeper) count(source int) float64 {
	configured, fetched := k.verifier.Keys()
	return float64([]int{configured, fetched}[source])
}
