package collect

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// raw is text as it came, which need not be UTF-8. As JSON it stands for the same
// bytes all the same.
type raw string

// rawPrefix marks what is not written as it is.
const rawPrefix = "base64:"

// MarshalText implements encoding.TextMarshaler.
func (r raw) MarshalText() ([]byte, error) {
	if r.plain() {
		return []byte(r), nil
	}
	return base64.StdEncoding.AppendEncode([]byte(rawPrefix), []byte(r)), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *raw) UnmarshalText(b []byte) error {
	if len(b) < len(rawPrefix) || string(b[:len(rawPrefix)]) != rawPrefix {
		*r = raw(b)
		return nil
	}
	text, err := base64.StdEncoding.AppendDecode(nil, b[len(rawPrefix):])
	*r = raw(text)
	return err
}

func (r raw) plain() bool {
	return utf8.ValidString(string(r)) && !strings.HasPrefix(string(r), rawPrefix)
}
