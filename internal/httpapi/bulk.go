package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"tallystick/internal/ingest"
	"tallystick/internal/transfer"
)

func (a *API) packets(w http.ResponseWriter, r *http.Request) error {
	return bulk(a, w, r, new(packetDecoder).decode, a.parts.Ingest.Packets)
}

func (a *API) postClaims(w http.ResponseWriter, r *http.Request) error {
	return bulk(a, w, r, decodeClaim, a.parts.Ingest.Claims)
}

// bulk takes a body of messages, in batches.
func bulk[T any](
	a *API, w http.ResponseWriter, r *http.Request,
	decode func([]byte) (T, *inputError), put func(context.Context, []T) ingest.Result,
) error {
	body, err := a.open(w, r)
	if err != nil {
		return err
	}
	t := &tally{stats: a.stats, route: r.URL.Path}
	err = takeAll(newMessages(body), t, decode, func(items []T) ingest.Result { return put(r.Context(), items) })
	return t.answer(w, err)
}

// takeAll reads m to its end. The error is why it could not.
func takeAll[T any](m *messages, t *tally, decode func([]byte) (T, *inputError), put func([]T) ingest.Result) error {
	var b batch[T]
	for index := 0; ; index++ {
		raw, err := m.next()
		if err == nil {
			decodeInto(&b, index, m, raw, decode)
		} else if bad, is := errors.AsType[*inputError](err); is {
			b.refuse(index, bad)
		} else {
			if err = ending(err); err != nil {
				b.refuse(index, &inputError{reasonBody, broken(err).Message})
			}
			b.flush(t, put)
			return err
		}
		if b.full() {
			b.flush(t, put)
		}
	}
}

// ending returns err, nil if it is just the end.
func ending(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// decodeInto decodes the message that m gave out last.
func decodeInto[T any](b *batch[T], index int, m *messages, raw []byte, decode func([]byte) (T, *inputError)) {
	item, bad := decode(raw)
	switch {
	case bad == nil:
		b.take(index, item, len(raw))
	case bad.reason == reasonSyntax:
		b.refuse(index, m.reject(bad))
	default:
		b.refuse(index, bad)
	}
}

// decodeClaim decodes a claim. A key that no claim has is an error: it is a slip
// of the pen, or counts that would be lost.
func decodeClaim(raw []byte) (*transfer.Claim, *inputError) {
	c := new(transfer.Claim)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, unfit(err)
	}
	return c, nil
}

// unfit returns what err of encoding/json says, in words of the sender's.
func unfit(err error) *inputError {
	var (
		kind   *json.UnmarshalTypeError
		coding base64.CorruptInputError
	)
	text := strings.TrimPrefix(err.Error(), "json: ")
	switch {
	case errors.As(err, &kind):
		return &inputError{reasonField, mistyped(kind)}
	case errors.As(err, &coding):
		return &inputError{reasonData, "data is not base64: " + text}
	case strings.HasPrefix(text, "unknown field "):
		return &inputError{reasonField, text}
	}
	return &inputError{reasonSyntax, text}
}

func mistyped(err *json.UnmarshalTypeError) string {
	if err.Field == "" {
		return "it is not an object but a " + err.Value
	}
	return err.Field + " cannot be a " + err.Value
}
