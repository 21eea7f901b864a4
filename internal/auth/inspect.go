package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// A Said is what a token says, true or not: nothing of it has been checked.
type Said struct {
	Header map[string]any `json:"header"`
	Claims map[string]any `json:"claims"`
}

// Inspect returns what a token says, for people.
func Inspect(text string) (Said, error) {
	var s Said
	if err := checkText(text); err != nil {
		return s, err
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return s, errors.New("malformed: a token has three parts")
	}
	for i, into := range []*map[string]any{&s.Header, &s.Claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return Said{}, errors.New("malformed: not base64url")
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber() // as they stand
		if err := d.Decode(into); err != nil {
			return Said{}, errors.New("malformed: not JSON")
		}
	}
	return s, nil
}
