package httpapi_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tallystick/internal/auth"
	"tallystick/internal/httpapi"
	"tallystick/internal/query"
	"tallystick/internal/validate"
)

// FuzzAccept holds that what is chosen is one of what there is, and that a caller who wants none
// of it is told so.
func FuzzAccept(f *testing.F) {
	offers := []string{"application/json", "text/csv", "text/html"}
	f.Add("text/html,*/*;q=0.8", "")
	f.Add("text/*;q=0", "application/json;q=NaN")
	f.Add(";;q=1e999", ",,*/*;q=-1")
	f.Fuzz(func(t *testing.T, first, second string) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header["Accept"] = []string{first, second}
		got, err := httpapi.Accept(r, offers...)
		var told *httpapi.Error
		switch {
		case err == nil && !slices.Contains(offers, got):
			t.Errorf("%q, %q: got %q", first, second, got)
		case err != nil && (!errors.As(err, &told) || told.Status != http.StatusNotAcceptable):
			t.Errorf("%q, %q: got error %v", first, second, err)
		case err == nil && !strings.Contains(first+second, "/") && strings.TrimSpace(first+second) != "":
			t.Errorf("%q, %q: got %q, though neither has a media type", first, second, got)
		}
	})
}

// FuzzIfMatch holds that one tag is read, as it was given, or none.
func FuzzIfMatch(f *testing.F) {
	f.Add(`"tag"`)
	f.Add(`W/"tag"`)
	f.Add(`"a", "b"`)
	f.Add(`"`)
	f.Add("*")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPut, "/", http.NoBody)
		r.Header["If-Match"] = []string{header}
		tag, err := httpapi.IfMatch(r)
		if err == nil && header != "*" && (header != `"`+tag+`"` || strings.Contains(tag, `"`)) {
			t.Errorf("%q: got the tag %q", header, tag)
		}
	})
}

// FuzzInfluxToken holds that the API is shown the token that a client of InfluxDB has sent, byte by
// byte, and none of two.
func FuzzInfluxToken(f *testing.F) {
	f.Add("Token a.b.c", "")
	f.Add("Basic "+base64.StdEncoding.EncodeToString([]byte("user:a.b.c")), "")
	f.Add("token user:a.b.c", "Bearer a.b.c")
	f.Add("Basic Og==", "")
	f.Fuzz(func(t *testing.T, first, second string) {
		r := httptest.NewRequest(http.MethodPost, "/write", http.NoBody)
		r.Header["Authorization"] = []string{first}
		if second != "" {
			r.Header.Add("Authorization", second)
		}
		got, err := httpapi.Bearing(r)
		if err != nil {
			return
		}
		now := got.Header.Values("Authorization")
		if slices.Equal(now, r.Header.Values("Authorization")) {
			return
		}
		scheme, text, _ := strings.Cut(first, " ")
		if strings.EqualFold(scheme, "basic") {
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
			text = string(raw)
		}
		token, bearer := strings.CutPrefix(now[0], "Bearer ")
		if second != "" || len(now) != 1 || !bearer || !strings.HasSuffix(strings.TrimSpace(text), strings.TrimSpace(token)) {
			t.Errorf("%q, %q: the API sees %q", first, second, now)
		}
	})
}

// FuzzParameters asks each operation with any parameters: they are good, or refused, and never a
// fault of ours.
func FuzzParameters(f *testing.F) {
	f.Add(byte(0), "limit=10&after=e30&server=a")
	f.Add(byte(1), "from=-9223372036854775808&to=9223372036854775807")
	f.Add(byte(2), "from=%zz;to=1&&=&from")
	s := newServer(f, httpapi.Config{})
	s.query = func(context.Context, query.Request) ([]query.Series, error) { return nil, nil }
	s.validate = func(context.Context, validate.Options) (*validate.Report, error) { return new(validate.Report), nil }
	var reads []httpapi.Route
	for _, r := range s.api.Routes() {
		if r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/api/v1/") && !strings.Contains(r.Path, "{") { // FuzzCC asks the others
			reads = append(reads, r)
		}
	}
	bearer := "Bearer " + s.token(auth.Admin)
	f.Fuzz(func(t *testing.T, which byte, params string) {
		route := reads[int(which)%len(reads)]
		r := httptest.NewRequest(http.MethodGet, route.Path, http.NoBody)
		r.URL.RawQuery = params
		r.Header.Set("Authorization", bearer)
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s?%s: got %d %s", route.Path, params, w.Code, w.Body)
		}
	})
}
