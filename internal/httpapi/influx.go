package httpapi

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tallystick/internal/auth"
	"tallystick/internal/ingest"
)

// The face of InfluxDB: what its clients of either version, and Telegraf, send
// to and expect of it. The database or bucket is the cluster of lines that name
// none, and every field is a sample. Tokens come as they do there, but never in
// the URL, where proxies and logs would have them.

// An influx is one of the two versions.
type influx struct {
	database string                            // the parameter that names it
	form     func(http.ResponseWriter, *Error) // of errors
}

// influxOf returns the version that a path is of, or nil.
func influxOf(path string) *influx {
	switch path {
	case "/write", "/query":
		return &influx{"db", tellInflux1}
	case "/api/v2/write":
		return &influx{"bucket", tellInflux2}
	}
	return nil
}

func (a *API) influxRoutes() []Route {
	get, post := http.MethodGet, http.MethodPost
	return []Route{
		{get, "/ping", "", false, ping},
		{post, "/write", auth.Writer, true, a.influxWrite},
		{post, "/query", auth.Writer, true, influxQuery},
		{post, "/api/v2/write", auth.Writer, true, a.influxWrite},
	}
}

// guard lets those to h that the face lets in, and answers in its form.
func (v *influx) guard(h handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if rw, ok := w.(*response); ok {
			rw.form = v.form
		}
		r, err := bearing(r)
		if err != nil {
			return err
		}
		return h(w, r)
	}
}

// bearing returns r with its token where the API looks for it. It may come as
// that of version 2, or as the password of version 1, whose user is nobody.
func bearing(r *http.Request) (*http.Request, error) {
	if q := r.URL.Query(); q.Has("p") || q.Has("u") {
		return nil, &Error{
			Status:  http.StatusUnauthorized,
			Message: "a token does not belong into the URL: send it as Authorization: Token, or as the password of Authorization: Basic",
		}
	}
	given := r.Header.Values("Authorization")
	if len(given) != 1 { // of several, none is believed
		return r, nil
	}
	scheme, text, _ := strings.Cut(given[0], " ")
	text = strings.TrimSpace(text)
	switch strings.ToLower(scheme) {
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, &Error{Status: http.StatusUnauthorized, Message: "Authorization: Basic is not base64"}
		}
		text = string(plain)
		fallthrough
	case "token":
		if _, password, ok := strings.Cut(text, ":"); ok { // a token has no colon
			text = password
		}
	default:
		return r, nil
	}
	same := *r
	same.Header = r.Header.Clone()
	same.Header.Set("Authorization", "Bearer "+text)
	return &same, nil
}

// ping says that there is somebody. Clients read the version of it.
func ping(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("X-Influxdb-Version", "1.8.0-tallystick")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// influxWrite takes lines. Where some of them are refused, the answer is an error
// as it is there, and the others are taken.
func (a *API) influxWrite(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	precision := q.Get("precision")
	if short := map[string]string{"n": "ns", "u": "us"}[precision]; short != "" {
		precision = short
	}
	t, err := a.takeBody(w, r, ingest.LineOptions{
		Cluster: q.Get(influxOf(r.URL.Path).database), Precision: precision, Fields: ingest.AllFields,
	})
	switch {
	case t == nil:
		return err
	case err == nil && t.result.Rejected == 0:
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	e := t.failure(err)
	e.Message = partial(e.Message, &t.result)
	return e
}

// partial says in one line what became of a body. Clients look for its first two
// words to know that sending it again is of no use.
func partial(why string, r *ingest.Result) string {
	if r.Accepted > 0 {
		why = "some of it could not be taken"
	}
	text := fmt.Sprintf("partial write: %s: %d taken, %d refused", why, r.Accepted, r.Rejected)
	if len(r.Errors) > 0 {
		first := r.Errors[0]
		text += fmt.Sprintf("; first line %d:%d: %s: %s", first.Line, first.Column, first.Reason, first.Text)
	}
	return text
}

// maxInfluxQuery is more than the one statement that is understood needs.
const maxInfluxQuery = 4 << 10

// influxQuery answers the statement that clients begin with, CREATE DATABASE:
// a cluster is there when something is written to it. There are no others.
func influxQuery(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxInfluxQuery))
	if err != nil {
		return broken(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return refuse("", "the body is not a form")
	}
	q := r.URL.Query().Get("q")
	if q == "" {
		q = form.Get("q")
	}
	words := strings.Fields(strings.ToUpper(q))
	if len(words) < 2 || words[0] != "CREATE" || words[1] != "DATABASE" {
		return refuse("q", "only CREATE DATABASE is understood here; ask /api/v1/query")
	}
	return answer(w, http.StatusOK, influxResults{[]influxStatement{{0}}})
}

type influxResults struct {
	Results []influxStatement `json:"results"`
}

type influxStatement struct {
	ID int `json:"statement_id"`
}

type influx1Error struct {
	*ingest.Result
	Error string `json:"error"`
}

type influx2Error struct {
	*ingest.Result
	Code    string `json:"code"`
	Message string `json:"message"`
}

// tellInflux1 answers with e as version 1 does.
func tellInflux1(w http.ResponseWriter, e *Error) {
	text := e.text()
	w.Header().Set("X-Influxdb-Error", strings.Trim(strconv.QuoteToASCII(text), `"`)) // a head is one line
	e.head(w)
	_ = answer(w, e.Status, influx1Error{e.result, text}) // a client that has gone is not told
}

// tellInflux2 answers with e as version 2 does.
func tellInflux2(w http.ResponseWriter, e *Error) {
	code := map[string]string{
		"bad_request": "invalid", "too_large": "request too large", "internal": "internal error", "not_found": "not found",
		"method_not_allowed": "method not allowed", "unsupported_media_type": "unsupported media type",
	}[e.code()]
	if code == "" {
		code = e.code()
	}
	e.head(w)
	_ = answer(w, e.Status, influx2Error{e.result, code, e.text()})
}

// text is all that is told of e in a form that has one text.
func (e *Error) text() string {
	if e.incident != "" {
		return e.Error() + ", incident " + e.incident
	}
	return e.Error()
}

// head tells what every form of an error has in its head.
func (e *Error) head(w http.ResponseWriter) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if e.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(max(e.Retry.Seconds(), 1))))
	}
}
