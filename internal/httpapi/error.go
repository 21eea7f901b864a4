package httpapi

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tallystick/internal/ingest"
)

// An Error is what is told to a caller.
type Error struct {
	Status  int
	Message string        // for people
	Field   string        // where in the request
	Retry   time.Duration // after which the same request may do better; 0: never

	instead  int // of a redirection: the status that programs get
	incident string
	result   *ingest.Result // what was taken before
}

// Error returns the message with its place.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// code returns the word of the contract for e's status, of a redirection for that which it is instead of.
func (e *Error) code() string {
	switch cmp.Or(e.instead, e.Status) {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusNotAcceptable:
		return "not_acceptable"
	case http.StatusConflict:
		return "conflict"
	case http.StatusPreconditionFailed:
		return "precondition_failed"
	case http.StatusPreconditionRequired:
		return "precondition_required"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusTooManyRequests:
		return "too_many_requests"
	case http.StatusServiceUnavailable:
		return "unavailable"
	default:
		return "internal"
	}
}

type errorBody struct {
	*ingest.Result
	Error errorJSON `json:"error"`
}

type errorJSON struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Field    string `json:"field,omitempty"`
	Incident string `json:"incident,omitempty"`
}

// write answers with e.
func (e *Error) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", typeJSON)
	e.head(w)
	w.WriteHeader(e.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	body := errorBody{e.result, errorJSON{e.code(), e.Message, e.Field, e.incident}}
	_ = enc.Encode(&body) //nolint:errchkjson // a client that has gone is not told
}

// refuse returns an error of the caller's making.
func refuse(field, message string) *Error {
	return &Error{Status: http.StatusBadRequest, Message: message, Field: field}
}

// known returns what the caller is told of err. An error that is nobody's in
// particular is ours, and its text is not for the caller.
func known(err error) *Error {
	var (
		told  *Error
		large *http.MaxBytesError
	)
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	}
	if e := unavailable(err); e != nil {
		return e
	}
	return &Error{Status: http.StatusInternalServerError, Message: "internal error", incident: rand.Text()}
}

func tooLarge(limit int64) *Error {
	return &Error{
		Status:  http.StatusRequestEntityTooLarge,
		Message: "the body is larger than " + strconv.FormatInt(limit, 10) + " bytes",
	}
}
