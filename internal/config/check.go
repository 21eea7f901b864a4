package config

import (
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/proxies"
	"tallystick/internal/httpapi"
	"tallystick/internal/metric"
	"tallystick/internal/retain"
	"tallystick/internal/settings"
	"tallystick/internal/source"
)

// Validate returns a *settings.InvalidError with all that is wrong with c, or nil.
func (c Config) Validate() error { return settings.Invalid(c.check()) }

// positive is for numbers of which 0 makes no sense.
func positive[T int | int64 | time.Duration](k *settings.Checker, key string, v T) {
	k.Wrong(v <= 0, key, "%v is not more than 0", v)
}

func (c Config) check() []*settings.Problem {
	var k settings.Checker
	k.Wrong(c.DataDir == "", "data_dir", "is empty")
	k.Wrong(c.Grace < time.Second, "grace", "%v is less than 1s", c.Grace)
	c.checkListen(&k)
	c.checkNATS(&k)
	c.checkAMQP(&k)
	c.checkSTOMP(&k)
	c.checkFiles(&k)
	c.checkAuth(&k)
	c.checkMetrics(&k)
	c.checkLimits(&k)
	c.checkTimes(&k)
	c.checkRecords(&k)
	for _, p := range c.Archive.Check() {
		k.Wrong(true, settings.Join("archive", p.Key), "%v", p.Err)
	}
	return k
}

func (c Config) checkListen(k *settings.Checker) {
	k.Wrong(len(c.HTTP.Listen) == 0, "http.listen", "is empty")
	for i, a := range c.HTTP.Listen {
		c.httpAddress(k, a)
		k.Wrong(slices.Contains(c.HTTP.Listen[:i], a), "http.listen", "%s is there twice", a)
	}
	err := c.HTTP.TLS.Check()
	k.Wrong(err != nil, "http.tls", "%v", err)
	for i, a := range c.UDP.Listen {
		c.address(k, "udp.listen", a)
		k.Wrong(slices.Contains(c.UDP.Listen[:i], a), "udp.listen", "%s is there twice", a)
	}
}

// httpAddress checks an address of the API: tokens go there.
func (c Config) httpAddress(k *settings.Checker, address string) {
	network, at := Network(address)
	if network == "unix" {
		k.Wrong(at == "", "http.listen", "%q has no path", address)
		return
	}
	before := len(*k)
	host := c.address(k, "http.listen", at)
	k.Wrong(len(*k) == before && !c.HTTP.Secure(isLoopback(host)), "http.listen",
		"%q is not loopback, and tokens would be sent in cleartext; set http.tls, or http.cleartext: true if nobody else sees the network", address)
}

// Secure reports whether an address may be served as configured.
func (h HTTP) Secure(loopback bool) bool { return loopback || h.TLS.On() || h.Cleartext }

// address checks host:port, and returns the host. An empty one is all addresses of this host.
func (c Config) address(k *settings.Checker, key, address string) (host string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		k.Wrong(true, key, "%q is not host:port", address)
		return ""
	}
	_, err = strconv.ParseUint(port, 10, 16)
	k.Wrong(err != nil, key, "%q has no port from 0 to 65535", address)
	k.Wrong(c.Development && !isLoopback(host), key,
		"%q is not loopback, which is all that development mode serves; set development: false and auth.key_file", address)
	return host
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (c Config) checkAuth(k *settings.Checker) {
	k.Wrong(!c.Development && !c.Auth.HasKey(), "auth",
		"no key: set auth.key_file (tallystick token makes it) or auth.public_key, or development: true")
	if c.Auth.PublicKey != "" {
		_, err := auth.ParsePublicKey(c.Auth.PublicKey)
		k.Wrong(err != nil, "auth.public_key", "%v", err)
	}
	for i, path := range c.Auth.KeyFiles {
		k.Wrong(path == "", "auth.key_files", "a path is empty")
		k.Wrong(slices.Contains(c.Auth.KeyFiles[:i], path), "auth.key_files", "%s is there twice", path)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Auth.Certificates)) {
		err := c.Auth.Certificates[name].Check()
		k.Wrong(err != nil, settings.Join("auth.certificates", name), "%v", err)
		k.Wrong(c.HTTP.TLS.ClientCA == "", settings.Join("auth.certificates", name), "http.tls.client_ca is empty, so that no certificate is asked for")
	}
	err := c.Auth.JWKS.Check()
	k.Wrong(err != nil, "auth.jwks.url", "%v", err) // it may have a password
	k.Wrong(c.Auth.JWKS.Every < 10*time.Second, "auth.jwks.every", "%v is less than 10s", c.Auth.JWKS.Every)
	c.checkPeople(k)
	c.checkPeers(k)
}

func (c Config) checkPeople(k *settings.Checker) {
	a := c.Auth
	if err := a.Accounts.Check(); err != nil {
		k.Wrong(true, "auth.accounts.database", "%v", err)
	}
	k.Wrong(a.Accounts.PasswordFile != "" && !a.Accounts.IsPostgres(), "auth.accounts.password_file",
		"is for PostgreSQL; auth.accounts.database is not")
	k.Wrong(a.Sessions.Idle < time.Minute, "auth.sessions.idle", "%v is less than 1m", a.Sessions.Idle)
	k.Wrong(a.Sessions.Lifetime < a.Sessions.Idle, "auth.sessions.lifetime",
		"%v is less than auth.sessions.idle (%v)", a.Sessions.Lifetime, a.Sessions.Idle)
	positive(k, "auth.sessions.max", a.Sessions.Max)
	positive(k, "auth.throttle.failures_per_name", a.Throttle.Names)
	positive(k, "auth.throttle.failures_per_network", a.Throttle.Networks)
	positive(k, "auth.throttle.wait", a.Throttle.Wait)
	k.Wrong(a.Throttle.Longest < a.Throttle.Wait, "auth.throttle.longest_wait",
		"%v is less than auth.throttle.wait (%v)", a.Throttle.Longest, a.Throttle.Wait)
	k.Wrong(!(a.Throttle.Rate > 0), "auth.throttle.rate", "%v is not more than 0", a.Throttle.Rate)
	positive(k, "auth.hashes", a.Hashes)
	none := a.Accounts.Database == ""
	k.Wrong(none && a.ValidateUser, "auth.validate_user", "auth.accounts.database names no database of accounts")
	k.Wrong(none && a.JWTSession.KeyFile != "", "auth.jwt_session", "auth.accounts.database names no database of sessions")
	k.Wrong(none && a.JWTCookie.Name != "", "auth.jwt_cookie", "auth.accounts.database names no database of sessions")
	if err := a.JWTCookie.Check(); err != nil {
		k.Wrong(true, "auth.jwt_cookie", "%v", err)
	}
	_, err := proxies.Parse(c.HTTP.TrustedProxies)
	k.Wrong(err != nil, "http.trusted_proxies", "%v", err)
}

func (c Config) checkMetrics(k *settings.Checker) {
	checkStep(k, "xrootd.step", c.XRootD.Step)
	taken := make(map[string]bool)
	for _, m := range metric.XRootD(1) {
		taken[m.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(c.Metrics)) {
		key := settings.Join("metrics", name)
		k.Wrong(taken[name], key, "is built in")
		k.Wrong(name == "", key, "has no name")
		checkStep(k, settings.Join(key, "step"), c.Metrics[name].Step)
	}
}

func checkStep(k *settings.Checker, key string, step time.Duration) {
	k.Wrong(step < time.Second || step%time.Second != 0, key, "%v is not one second or several whole ones", step)
}

func (c Config) checkLimits(k *settings.Checker) {
	k.Wrong(c.UDP.Sockets < 1 || c.UDP.Sockets > source.MaxSockets, "udp.sockets", "%d is not from 1 to %d", c.UDP.Sockets, source.MaxSockets)
	k.Wrong(c.UDP.Buffer < 0, "udp.buffer", "%d is less than 0", c.UDP.Buffer)
	k.Wrong(c.Store.MaxBytes < 0, "store.max_bytes", "%d is less than 0", c.Store.MaxBytes)
	positive(k, "http.connections", c.HTTP.Connections)
	positive(k, "http.max_body", c.HTTP.API.MaxBody)
	positive(k, "http.limits.burst", c.HTTP.API.Limits.Burst)
	checkCaller(k, "http.limits", c.HTTP.API.Limits)
	for _, name := range slices.Sorted(maps.Keys(c.HTTP.API.Callers)) {
		own, key := c.HTTP.API.Callers[name], settings.Join("http.callers", name)
		checkCaller(k, key, own.Limits)
		k.Wrong(own.Burst < 0, settings.Join(key, "burst"), "%d is less than 0", own.Burst)
		k.Wrong(own.MaxBody < 0, settings.Join(key, "max_body"), "%d is less than 0", own.MaxBody)
	}
	positive(k, "ingest.waiting", c.Ingest.Waiting)
	k.Wrong(c.Ingest.KeyCache < 0, "ingest.key_cache", "%d is less than 0", c.Ingest.KeyCache)
	if c.Ingest.Learn.Step != 0 {
		checkStep(k, "ingest.learn.step", c.Ingest.Learn.Step)
		positive(k, "ingest.learn.max", c.Ingest.Learn.Max)
	}
	positive(k, "collect.max", c.Collect.Max)
	positive(k, "ledger.max", c.Ledger.Max)
	positive(k, "dns.keep", c.DNS.Keep)
	positive(k, "dns.max", c.DNS.Max)
	positive(k, "dns.timeout", c.DNS.Timeout)
	r := c.Reconcile
	k.Wrong(!(r.Low > 0 && r.Low <= 1), "reconcile.low", "%v is not above 0 and at most 1", r.Low)
	k.Wrong(!(r.High >= 1), "reconcile.high", "%v is less than 1", r.High)
	k.Wrong(r.Min < 0, "reconcile.min", "%d is less than 0", r.Min)
	positive(k, "query.max_values", c.Query.MaxValues)
	positive(k, "validate.depth", c.Validation.Depth)
	t := c.Validation.Tolerance
	k.Wrong(t.Bytes < 0, "validate.tolerance.bytes", "%d is less than 0", t.Bytes)
	k.Wrong(!(t.Share >= 0 && t.Share < 1), "validate.tolerance.share", "%v is not from 0 to less than 1", t.Share)
	positive(k, "checkpoint.log_bytes", c.Checkpoint.LogBytes)
	positive(k, "wal.interval", c.WAL.Interval)
	positive(k, "wal.segment_bytes", c.WAL.SegmentBytes)
	for _, address := range slices.Sorted(maps.Keys(c.Collect.Servers)) {
		_, err := netip.ParseAddr(address)
		_, errPort := netip.ParseAddrPort(address)
		k.Wrong(err != nil && errPort != nil, settings.Join("collect.servers", address), "is neither an IP address nor IP:port")
	}
}

func checkCaller(k *settings.Checker, key string, l httpapi.Limits) {
	k.Wrong(!(l.Rate >= 0 && l.Rate <= 1e9), settings.Join(key, "rate"), "%v is not from 0 to 1e9", l.Rate)
	k.Wrong(l.Concurrent < 0, settings.Join(key, "concurrent"), "%d is less than 0", l.Concurrent)
}

func (c Config) checkTimes(k *settings.Checker) {
	positive(k, "http.stall", c.HTTP.API.Stall)
	k.Wrong(c.Ingest.Future < 0, "ingest.future", "%v is less than 0", c.Ingest.Future)
	k.Wrong(c.Collect.Hold < 0, "collect.hold", "%v is less than 0", c.Collect.Hold)
	k.Wrong(c.Collect.Idle <= c.Collect.Hold, "collect.idle",
		"%v is not longer than collect.hold (%v)", c.Collect.Idle, c.Collect.Hold)
	k.Wrong(c.Validation.Slack < 0, "validate.slack", "%v is less than 0", c.Validation.Slack)
	k.Wrong(c.Validation.Late < 0, "validate.late", "%v is less than 0", c.Validation.Late)
	positive(k, "retention.memory", c.Retention.Memory)
	positive(k, "retention.ledger", c.Retention.Ledger)
	for i, r := range c.Retention.Rules {
		err := r.Check()
		k.Wrong(err != nil, "retention.rules", "rule %d: %v", i+1, err)
	}
	c.checkJobs(k)
	k.Wrong(c.Retention.Every < time.Second, "retention.every", "%v is less than 1s", c.Retention.Every)
	k.Wrong(c.Checkpoint.Every < time.Second, "checkpoint.every", "%v is less than 1s", c.Checkpoint.Every)
}

func (c Config) checkJobs(k *settings.Checker) {
	j := c.Retention.Jobs
	positive(k, "retention.jobs.max", j.Max)
	for _, pattern := range j.Clusters {
		err := retain.CheckPattern(pattern)
		k.Wrong(err != nil, "retention.jobs.clusters", "%v", err)
	}
	if j.URL != "" {
		u, err := url.Parse(j.URL)
		k.Wrong(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https",
			"retention.jobs.url", "%q is not http://… or https://…", j.URL)
	}
}
