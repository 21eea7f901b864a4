package config_test

import (
	"strings"
	"testing"

	"tallystick/internal/config"
	"tallystick/internal/settings"
)

// TestPeers has all mistakes about those who know people elsewhere told at once.
func TestPeers(t *testing.T) {
	_, err := config.Load(settings.Sources{File: write(t, "c.yaml", `development: true
auth:
  ldap:
    urls: [ldap://ldap.example.org]
    roles: {viewer: [shifters]}
  oidc:
    iam: {issuer: http://id.example.org, client_id: tally, redirect_url: https://tally.example.org/login/cern/callback, roles: {viewer: ["*"]}}
    github: {issuer: https://id.example.org, client_id: x, redirect_url: https://tally.example.org/login/github/callback, roles: {viewer: ["*"]}}
    A/B: {issuer: https://id.example.org, client_id: x, redirect_url: https://tally.example.org/login/A/B/callback, roles: {viewer: ["*"]}}
  github: {client_id: x, redirect_url: https://tally.example.org/, roles: {admin: [alice]}}
`)})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"auth.ldap.urls: ", "auth.ldap.base_dn: ", "auth.ldap.roles: ", "auth.oidc.iam.issuer: ", "auth.oidc.iam.redirect_url: ",
		"auth.oidc.github: is the name", "auth.oidc.A/B: is not of a-z", "auth.github.client_secret_file: ",
		"auth.github.redirect_url: ", `auth.github.roles: "alice"`, "auth.accounts.database: is empty",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not have %q:\n%v", want, err)
		}
	}
}
