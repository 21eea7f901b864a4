package login

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tallystick/internal/auth"
)

// away is how long somebody may take to come back.
const away = 10 * time.Minute

// A trip is what a sealed cookie knows of a browser that is elsewhere.
type trip struct {
	Name string    `json:"name"` // of where it is
	Kept string    `json:"kept"` // the redirector's
	Next string    `json:"next"`
	Ends time.Time `json:"ends"`
}

// tripCookie returns the one of a browser that is elsewhere. Coming back is a plain GET from
// another site, with which Lax lets it go.
func (d *Dispatcher) tripCookie(value string, maxAge int) *http.Cookie {
	c := d.cookie(value)
	c.Name, c.MaxAge = strings.Replace(c.Name, "session", "trip", 1), maxAge
	return c
}

func (d *Dispatcher) elsewhere(name string) *Elsewhere {
	i := slices.IndexFunc(d.parts.Elsewhere, func(e Elsewhere) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return &d.parts.Elsewhere[i]
}

// begin sends a browser elsewhere.
func (d *Dispatcher) begin(w http.ResponseWriter, r *http.Request) error {
	e := d.elsewhere(r.PathValue("name"))
	if e == nil {
		return &refusal{Status: http.StatusNotFound, Text: "there is no such way to log in"}
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	location, kept, err := e.Redirector.Begin(ctx)
	if err != nil {
		return err
	}
	sealed, err := d.sealer.seal(trip{e.Name, kept, localPath(r.URL.Query().Get("next")), d.parts.Now().Add(away)})
	if err != nil {
		return err
	}
	http.SetCookie(w, d.tripCookie(sealed, int(away/time.Second)))
	http.Redirect(w, r, location, http.StatusSeeOther)
	return nil
}

// finish is where a browser comes back from elsewhere, once.
func (d *Dispatcher) finish(w http.ResponseWriter, r *http.Request) error {
	e := d.elsewhere(r.PathValue("name"))
	if e == nil {
		return &refusal{Status: http.StatusNotFound, Text: "there is no such way to log in"}
	}
	from := d.parts.From(r)
	if err := d.admitted(r, "", from); err != nil {
		return err
	}
	t, err := d.back(w, r, e.Name)
	if err != nil {
		d.denied(r, "", err)
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	id, err := e.Redirector.Finish(r.WithContext(ctx), t.Kept)
	if err != nil {
		d.denied(r, "", err)
		return err
	}
	d.parts.Throttle.Succeeded("", from)
	if err := d.welcome(w, r, id, e.Policy); err != nil {
		return err
	}
	d.home(w, r, t.Next)
	return nil
}

// back takes the cookie of a trip, which is not good a second time.
func (d *Dispatcher) back(w http.ResponseWriter, r *http.Request, name string) (t trip, err error) {
	c, err := r.Cookie(d.tripCookie("", 0).Name)
	if err != nil {
		return t, fmt.Errorf("%w: this browser was not sent to %s from here", auth.ErrDenied, name)
	}
	http.SetCookie(w, d.tripCookie("", -1))
	if err := d.sealer.open(c.Value, &t); err != nil || t.Name != name || d.parts.Now().After(t.Ends) {
		return trip{}, fmt.Errorf("%w: the way back from %s is not the one that was begun here, or took too long", auth.ErrDenied, name)
	}
	return t, nil
}

// start is where people go who did not say where to.
const start = "/account"

// localPath returns where to go after a login, if it is a path here. Browsers read \ as /, drop
// tabs and line ends, and go to another host with two slashes at the beginning.
func localPath(next string) string {
	u, err := url.Parse(next)
	switch {
	case err != nil, u.Scheme != "", u.Host != "", u.User != nil:
	case !strings.HasPrefix(next, "/"), strings.HasPrefix(next, "//"):
	case strings.ContainsFunc(next, func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }):
	case u.Path == "/login", u.Path == "/logout":
	default:
		return next
	}
	return start
}
