package ccms

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const ed25519Size = ed25519.PublicKeySize

func base64Of(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// take returns what stands under a key, and removes it.
func (c *converter) take(keys ...string) any {
	m := c.in
	for _, key := range keys[:len(keys)-1] {
		m, _ = m[key].(map[string]any)
	}
	last := keys[len(keys)-1]
	v := m[last]
	delete(m, last)
	return v
}

// text is take for a text; a number is one too.
func (c *converter) text(keys ...string) string {
	switch v := c.take(keys...).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// number returns a whole number, 0 if v is none.
func number(v any) int64 {
	n, _ := v.(json.Number)
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		return 0
	}
	return i
}

func (c *converter) line(format string, args ...any) { fmt.Fprintf(&c.out, format+"\n", args...) }

// say writes a comment, whatever is in it.
func (c *converter) say(indent, format string, args ...any) {
	c.line("%s# %s", indent, printable(fmt.Sprintf(format, args...)))
}

// look writes a comment that somebody must see.
func (c *converter) look(indent, format string, args ...any) {
	text := printable(fmt.Sprintf(format, args...))
	c.attention = append(c.attention, text)
	c.say(indent, "ATTENTION %s", text)
}

func (c *converter) section(name string) { c.line("\n%s:", name) }

// key writes a text under a key, with where it comes from.
func (c *converter) key(indent, name, value, from string) {
	if from != "" {
		c.say(indent, "%s", from)
	}
	c.line("%s%s: %s", indent, name, quote(value))
}

// quote returns s as YAML reads it whatever it is. JSON would not do: YAML takes
// fewer characters as they are.
func quote(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case strconv.IsPrint(r):
			b = utf8.AppendRune(b, r)
		default:
			b = fmt.Appendf(b, `\U%08x`, r)
		}
	}
	return string(append(b, '"'))
}

// printable returns s in one line, for a comment.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// duration returns d as people write it, 48h0m0s as 48h.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
