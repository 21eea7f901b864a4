// Package github knows people by GitHub's OAuth, which is not OpenID Connect: after a code was
// changed for a token, GitHub's API says whose it is.
//
// Anybody can have an account at GitHub, so nobody is let in but who has a role by their number, or
// by the number of an organisation or a team that they are a member of. Names can be changed, and
// taken by others then: they mean nothing here.
package github

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"tallystick/internal/auth"
	"tallystick/internal/auth/peer"
	"tallystick/internal/bus"
)

// Source is the User.Source of who is known by GitHub.
const Source = "github"

// Config is the application that was registered at GitHub.
type Config struct {
	ClientID         string      `koanf:"client_id"` // empty: none
	ClientSecretFile string      `koanf:"client_secret_file"`
	RedirectURL      string      `koanf:"redirect_url"` // of this server, as people see it: …/login/github/callback
	URL              string      `koanf:"url"`          // of GitHub, or an Enterprise Server
	APIURL           string      `koanf:"api_url"`      // https://HOST/api/v3 of an Enterprise Server
	CAFile           string      `koanf:"ca_file"`      // PEM; empty: the system's
	Roles            auth.Grants `koanf:"roles"`        // of user:NUMBER, org:NUMBER and team:NUMBER

	// Of auth.Policy. There is no Validate: an account would be found by a name that anybody can take.
	Sync   bool `koanf:"sync_user_on_login"`
	Update bool `koanf:"update_user_on_login"`
}

// Default returns GitHub itself.
func Default() Config {
	return Config{URL: "https://github.com", APIURL: "https://api.github.com", Roles: auth.NoGrants(), Sync: true, Update: true}
}

// On reports whether people may come from GitHub.
func (c Config) On() bool { return c.ClientID != "" }

// Check returns what is wrong with c, each with its key. Without an application nothing is.
func (c Config) Check() (problems []bus.Problem) {
	if !c.On() {
		return nil
	}
	wrong := func(bad bool, key, format string, args ...any) {
		if bad {
			problems = append(problems, bus.Problem{Key: key, Err: fmt.Errorf(format, args...)})
		}
	}
	wrong(c.ClientSecretFile == "", "client_secret_file", "is empty")
	for key, err := range map[string]error{
		"url": peer.CheckURL(c.URL), "api_url": peer.CheckURL(c.APIURL), "redirect_url": peer.CheckRedirect(c.RedirectURL, Source),
	} {
		wrong(err != nil, key, "%w", err)
	}
	groups := c.Roles.Groups()
	wrong(len(groups) == 0, "roles", "nobody has a role, and so nobody is let in")
	for _, g := range groups {
		kind, number, _ := strings.Cut(g, ":")
		n, err := strconv.ParseInt(number, 10, 64)
		known := kind == user || kind == org || kind == team
		wrong(!known || err != nil || n <= 0, "roles", "%q is none of user:NUMBER, org:NUMBER and team:NUMBER; names can be taken by others", g)
	}
	return problems
}

// The kinds of what is numbered.
const (
	user = "user"
	org  = "org"
	team = "team"
)

// A Provider lets in who comes back from GitHub.
type Provider struct {
	cfg    Config
	client *http.Client
}

// New returns a Provider.
func New(cfg Config) (*Provider, error) {
	client, err := peer.Client(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("github: %w", err)
	}
	return &Provider{cfg, client}, nil
}

func (p *Provider) oauth() (*oauth2.Config, error) {
	secret, err := bus.ReadSecret(p.cfg.ClientSecretFile)
	if err != nil {
		return nil, err
	}
	at := strings.TrimSuffix(p.cfg.URL, "/") + "/login/oauth/"
	c := &oauth2.Config{
		ClientID: p.cfg.ClientID, ClientSecret: secret, RedirectURL: p.cfg.RedirectURL,
		Endpoint: oauth2.Endpoint{AuthURL: at + "authorize", TokenURL: at + "access_token", AuthStyle: oauth2.AuthStyleInParams},
	}
	if p.matters(org) || p.matters(team) {
		c.Scopes = []string{"read:org"} // else memberships that are not public are not told
	}
	return c, nil
}

// matters reports whether anybody has a role by their number of a kind.
func (p *Provider) matters(kind string) bool {
	for _, g := range p.cfg.Roles.Groups() {
		if strings.HasPrefix(g, kind+":") {
			return true
		}
	}
	return false
}

// Begin is as of login.Redirector.
func (p *Provider) Begin(context.Context) (location, kept string, err error) {
	c, err := p.oauth()
	if err != nil {
		return "", "", fmt.Errorf("github: %w", err)
	}
	t := peer.NewTrip()
	return c.AuthCodeURL(t.State, oauth2.S256ChallengeOption(t.Verifier)), t.String(), nil
}

// Finish is as of login.Redirector.
func (p *Provider) Finish(r *http.Request, kept string) (auth.Identity, error) {
	id, err := p.finish(r, kept)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("github: %w", err)
	}
	return id, nil
}

func (p *Provider) finish(r *http.Request, kept string) (id auth.Identity, err error) {
	t, err := peer.ParseTrip(kept)
	if err != nil {
		return id, err
	}
	code, err := t.Code(r.URL.Query())
	if err != nil {
		return id, err
	}
	c, err := p.oauth()
	if err != nil {
		return id, err
	}
	ctx := context.WithValue(r.Context(), oauth2.HTTPClient, p.client)
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return id, peer.Failed(err)
	}
	return p.identity(ctx, api{c.Client(ctx, token), strings.TrimSuffix(p.cfg.APIURL, "/")})
}

// identity returns whose token the API is asked with.
func (p *Provider) identity(ctx context.Context, a api) (id auth.Identity, err error) {
	who, err := a.user(ctx)
	if err != nil {
		return id, err
	}
	in := map[string]bool{numbered(user, who.ID): true}
	for kind, list := range map[string]func(context.Context) ([]int64, error){org: a.orgs, team: a.teams} {
		if !p.matters(kind) {
			continue
		}
		numbers, err := list(ctx)
		if err != nil {
			return id, err
		}
		for _, n := range numbers {
			in[numbered(kind, n)] = true
		}
	}
	roles := p.cfg.Roles.Of(func(group string) bool { return in[group] })
	if len(roles) == 0 {
		return id, fmt.Errorf("%w: GitHub's user %d (%q) has no role here", auth.ErrDenied, who.ID, who.Login)
	}
	return auth.Identity{
		Subject: strconv.FormatInt(who.ID, 10),
		User:    auth.User{Name: who.Login, DisplayName: who.Name, Email: who.Email, Source: Source, Roles: roles},
	}, nil
}

func numbered(kind string, n int64) string { return kind + ":" + strconv.FormatInt(n, 10) }
