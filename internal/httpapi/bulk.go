package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"

	"tallystick/internal/ingest"
)

func (a *API) packets(w http.ResponseWriter, r *http.Request) error {
	decode := decoder(new(ingest.PacketDecoder).Decode)
	return bulk(a, w, r, bounded(decode, a.packetBound(r)), a.parts.Ingest.Packets)
}

func (a *API) postClaims(w http.ResponseWriter, r *http.Request) error {
	return bulk(a, w, r, bounded(decoder(ingest.DecodeClaim), claimBound(r)), a.parts.Ingest.Claims)
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
	t, m := a.tally(r.URL.Path), newMessages(body)
	err = takeAll(m, t, decode, func(items []T) ingest.Result { return put(r.Context(), items) })
	if err == nil && !m.begun {
		err = errEmpty
	}
	return t.answer(w, err)
}

// errEmpty is of a body without anything: more likely a file that is not there than nothing to tell.
var errEmpty = errors.New("it is empty; a list of nothing is []")

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

// decoder gives the errors of a decoder of ingest the type that those of reading
// have.
func decoder[T any](decode func([]byte) (T, *ingest.MessageError)) func([]byte) (T, *inputError) {
	return func(raw []byte) (T, *inputError) {
		item, bad := decode(raw)
		if bad != nil {
			return item, &inputError{bad.Reason, bad.Text}
		}
		return item, nil
	}
}
