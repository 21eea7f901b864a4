package ocf

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Avro string is UTF-8, and readers in other languages refuse a file where
// one is not. But a path on a disk and a tag in a line are bytes. So a string
// that is not UTF-8 is written twice: readable, with U+FFFD, in its field, and as
// it is in the field "raw".

// rawField is the field of the schemas that keeps the true bytes, as a JSON
// object of base64 by field name. (A map of Avro would do too, but makes the
// schemas less flat, and goavro allocates what a map says of its size.)
const rawField = "raw"

// escape makes all strings of the record UTF-8 and sets its field raw.
func escape(m map[string]any) error {
	var raw map[string][]byte
	for name, v := range m {
		s, inUnion, ok := text(v)
		if !ok || utf8.ValidString(s) {
			continue
		}
		if raw == nil {
			raw = make(map[string][]byte)
		}
		raw[name] = []byte(s)
		m[name] = like(strings.ToValidUTF8(s, "\uFFFD"), inUnion)
	}
	m[rawField] = nil
	if raw == nil {
		return nil
	}
	b, err := json.Marshal(raw)
	m[rawField] = like(string(b), true)
	return err
}

// unescape undoes escape.
func unescape(m map[string]any) error {
	s, _, ok := text(m[rawField])
	delete(m, rawField)
	if !ok {
		return nil
	}
	var raw map[string][]byte
	if err := json.Unmarshal([]byte(s), &raw); err != nil {
		return fmt.Errorf("%s: %w", rawField, err)
	}
	for name, b := range raw {
		if _, inUnion, ok := text(m[name]); ok {
			m[name] = like(string(b), inUnion)
		}
	}
	return nil
}

// text returns the string that v is, by itself or in a union.
func text(v any) (s string, inUnion, ok bool) {
	if union, is := v.(map[string]any); is {
		s, ok = union["string"].(string)
		return s, true, ok
	}
	s, ok = v.(string)
	return s, false, ok
}

func like(s string, inUnion bool) any {
	if inUnion {
		return map[string]any{"string": s}
	}
	return s
}
