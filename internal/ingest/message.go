package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"tallystick/internal/transfer"
)

// The reasons that a message is refused for before it is a packet or a claim.
const (
	ReasonSyntax = "syntax" // not JSON
	ReasonField  = "field"  // a value of the wrong type, an unknown key
	ReasonData   = "data"   // a packet without data, or not in base64
)

// A MessageError is what is wrong with one message: a reason, and a text for
// people.
type MessageError struct{ Reason, Text string }

// DecodeClaim decodes a claim. A key that no claim has is an error: it is a slip
// of the pen, or counts that would be lost.
func DecodeClaim(raw []byte) (*transfer.Claim, *MessageError) {
	c := new(transfer.Claim)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, Unfit(err)
	}
	return c, nil
}

// Unfit returns what err of encoding/json says, in words of the sender's.
func Unfit(err error) *MessageError {
	var (
		kind   *json.UnmarshalTypeError
		coding base64.CorruptInputError
	)
	text := strings.TrimPrefix(err.Error(), "json: ")
	switch {
	case errors.As(err, &kind):
		return &MessageError{ReasonField, mistyped(kind)}
	case errors.As(err, &coding):
		return &MessageError{ReasonData, "data is not base64: " + text}
	case strings.HasPrefix(text, "unknown field "):
		return &MessageError{ReasonField, text}
	}
	return &MessageError{ReasonSyntax, text}
}

func mistyped(err *json.UnmarshalTypeError) string {
	if err.Field == "" {
		return "it is not an object but a " + err.Value
	}
	return err.Field + " cannot be a " + err.Value
}
