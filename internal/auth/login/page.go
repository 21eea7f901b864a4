package login

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"tallystick/internal/auth"
)

//go:embed login.html account.html
var files embed.FS

// pages are what people see.
type pages struct{ templates *template.Template }

func newPages() (*pages, error) {
	t, err := template.ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("read pages: %w", err)
	}
	return &pages{t}, nil
}

// write writes a page as a whole, or nothing.
func (p *pages) write(w http.ResponseWriter, name string, status int, data any) error {
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that has gone is not told
	return nil
}

// A link is a way to log in elsewhere.
type link struct{ Title, Path string }

// login writes the login page, with what was wrong, if anything was.
func (p *pages) login(w http.ResponseWriter, e *refusal, places []Elsewhere, name, next string) error {
	data := struct {
		Wrong, Name, Next string
		Links             []link
	}{Name: name, Next: next}
	status := http.StatusOK
	if e != nil {
		e.head(w)
		status, data.Wrong = e.Status, e.Text
	}
	for _, place := range places {
		path := "/login/" + url.PathEscape(place.Name) + "?next=" + url.QueryEscape(next)
		data.Links = append(data.Links, link{place.Title, path})
	}
	return p.write(w, "login.html", status, data)
}

func (d *Dispatcher) showLogin(w http.ResponseWriter, r *http.Request) error {
	return d.pages.login(w, nil, d.parts.Elsewhere, "", localPath(r.URL.Query().Get("next")))
}

// showAccount tells people who they are here.
func (d *Dispatcher) showAccount(w http.ResponseWriter, r *http.Request) error {
	s, err := d.known(r)
	if err != nil {
		return err
	}
	if s == nil {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil
	}
	guardPage(w.Header(), originOf(s.Logout))
	needs := auth.Role(r.URL.Query().Get("needs")) // of who was sent here, for lack of it
	if !slices.Contains(auth.Roles(), needs) || s.User.Has(needs) {
		needs = ""
	}
	return d.pages.write(w, "account.html", http.StatusOK, struct {
		auth.User

		Elsewhere bool
		Needs     auth.Role
	}{s.User, s.Logout != "", needs})
}

// originOf returns the origin of an address, as a word more of a policy; of none, none.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return " " + u.Scheme + "://" + u.Host
}
