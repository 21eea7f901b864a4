package config_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/config"
	"tallystick/internal/settings"
)

// Ensure what is wrong about tokens, certificates and limits is told with its key.
func TestTokenProblems(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := config.Load(settings.Sources{File: write(t, "c.yaml", "development: true\n"+text)})
		var got []string
		if invalid, ok := errors.AsType[*settings.InvalidError](err); ok {
			for _, p := range invalid.Problems {
				got = append(got, p.Key+": "+p.Text)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("auth: {jwks: {url: 'https://issuer.example/keys'}, key_files: [/etc/keys]}\n")
	f("auth: {jwks: {url: 'http://127.0.0.1:8/keys'}}\n")
	f("auth: {jwks: {url: 'http://issuer.example/keys', every: 1s}, key_files: [a, '', a]}\n",
		"auth.key_files: a path is empty", "auth.key_files: a is there twice",
		`auth.jwks.url: keys come by https, or from this host (loopback) by http`,
		"auth.jwks.every: 1s is less than 10s")
	f("auth: {jwks: {url: 'https://user:word@issuer.example/keys'}}\n",
		"auth.jwks.url: not https://host/path, without a user")

	tls := "http: {tls: {cert: c, key: k, client_ca: a}}\n"
	f(tls + "auth:\n  certificates:\n    agent7.site.example: {subject: CN=a, roles: [writer], clusters: [a]}\n")
	f(tls+"auth:\n  certificates:\n    a: {roles: [writer]}\n    b: {san: b, roles: [root]}\n",
		"auth.certificates.a: neither subject nor san says which certificate it is",
		`auth.certificates.b: role "root" is none of [viewer writer validator operator admin]`)
	f(tls+"auth:\n  certificates:\n    a: {san: 'dns:a', roles: [viewer], sites: [T2_A]}\n",
		"auth.certificates.a: clusters, sites and client bind what a writer sends, and nothing of [viewer]")
	f("auth:\n  certificates:\n    a: {san: 'dns:a', roles: [writer]}\n",
		"auth.certificates.a: http.tls.client_ca is empty, so that no certificate is asked for")

	f("auth: {validate_user: true, jwt_session: {key_file: k}, jwt_cookie: {name: n}}\n",
		"auth.validate_user: auth.accounts.database names no database of accounts",
		"auth.jwt_session: auth.accounts.database names no database of sessions",
		"auth.jwt_cookie: auth.accounts.database names no database of sessions",
		"auth.jwt_cookie: neither key_file nor trusted_key_file has a key")
	f("auth: {accounts: {database: a.db}, jwt_cookie: {name: n, key_file: k, trusted_issuer: i}}\n",
		"auth.jwt_cookie: trusted_issuer and trusted_key_file go together")

	f("http: {limits: {rate: .5, burst: 1, concurrent: 0}}\n")
	f("http: {limits: {rate: -1, burst: 0, concurrent: -1}}\n",
		"http.limits.burst: 0 is not more than 0", "http.limits.rate: -1 is not from 0 to 1e9",
		"http.limits.concurrent: -1 is less than 0")
	f("http:\n  callers:\n    agent7.site: {rate: .5, max_body: 9}\n    b: {}\n")
	f("http: {callers: {a: {rate: -1, burst: -2, concurrent: -3, max_body: -4}}}\n",
		"http.callers.a.rate: -1 is not from 0 to 1e9", "http.callers.a.concurrent: -3 is less than 0",
		"http.callers.a.burst: -2 is less than 0", "http.callers.a.max_body: -4 is less than 0")
}
