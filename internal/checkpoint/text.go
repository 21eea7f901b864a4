package checkpoint

import (
	"strings"
	"unicode/utf8"
)

// An Avro string is UTF-8, and readers in other languages refuse a file where
// one is not. But a path on a disk and a tag in a line are bytes. So a string
// that is not UTF-8 is written twice: readable, with U+FFFD, in its field, and as
// it is in the field "raw".

// rawField is the field of the schemas that keeps the true bytes by field name.
const rawField = "raw"

// escape makes all strings of the record UTF-8 and sets its field raw.
func escape(m map[string]any) {
	var raw map[string]any
	for name, v := range m {
		s, inUnion, ok := text(v)
		if !ok || utf8.ValidString(s) {
			continue
		}
		if raw == nil {
			raw = make(map[string]any)
		}
		raw[name] = []byte(s)
		m[name] = like(strings.ToValidUTF8(s, "\uFFFD"), inUnion)
	}
	m[rawField] = nil
	if raw != nil {
		m[rawField] = map[string]any{"map": raw}
	}
}

// unescape undoes escape.
func unescape(m map[string]any) {
	union, _ := m[rawField].(map[string]any)
	delete(m, rawField)
	raw, _ := union["map"].(map[string]any)
	for name, v := range raw {
		b, isBytes := v.([]byte)
		if _, inUnion, ok := text(m[name]); ok && isBytes {
			m[name] = like(string(b), inUnion)
		}
	}
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
