package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Rules say which tokens are good, whoever has signed them.
type Rules struct {
	Methods       []string // the algorithms (alg) that they may be signed with
	Issuer        string   // what iss must be; empty: not checked
	Audience      string   // what aud must have; empty: not checked
	WithoutExpiry bool     // exp may be missing
}

// A Token is what a good token says.
type Token struct {
	User
	Issuer string
	Ends   time.Time // zero: never
}

// A Reader reads tokens by the strict rules of this package, whatever they are for.
type Reader struct {
	rules  Rules
	parser *jwt.Parser
}

// NewReader returns a reader.
func NewReader(rules Rules, now func() time.Time) *Reader {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(rules.Methods),
		jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(now),
	}
	if !rules.WithoutExpiry {
		options = append(options, jwt.WithExpirationRequired())
	}
	if rules.Issuer != "" {
		options = append(options, jwt.WithIssuer(rules.Issuer))
	}
	if rules.Audience != "" {
		options = append(options, jwt.WithAudience(rules.Audience))
	}
	return &Reader{rules: rules, parser: jwt.NewParser(options...)}
}

// claims is what a token says, as far as it matters here.
type claims struct {
	jwt.RegisteredClaims
	bounds
	Roles []string `json:"roles"`
	// Of people; where they are something else than is meant here, they are not there.
	Name     any `json:"name,omitempty"`
	Email    any `json:"email,omitempty"`
	Projects any `json:"projects,omitempty"`
}

// Read returns what a token says that one of the keys has signed. The error says what is
// wrong with it, without any part of its signature. An error of keys that is no KeyError
// is not told.
func (r *Reader) Read(text string, keys jwt.Keyfunc) (Token, error) {
	if err := checkText(text); err != nil {
		return Token{}, err
	}
	var c claims
	if _, err := r.parser.ParseWithClaims(text, &c, uncritical(keys)); err != nil {
		return Token{}, r.plain(err)
	}
	if err := checkSubject(c.Subject); err != nil {
		return Token{}, err
	}
	roles, err := ParseRoles(c.Roles)
	if err != nil {
		return Token{}, err
	}
	bounds, err := c.read()
	if err != nil {
		return Token{}, err
	}
	t := Token{Issuer: c.Issuer, User: User{
		Name: c.Subject, Roles: roles, Bounds: bounds, TokenID: c.ID,
		DisplayName: line(c.Name), Email: line(c.Email), Projects: lines(c.Projects),
	}}
	if c.ExpiresAt != nil {
		t.Ends = c.ExpiresAt.Add(leeway)
	}
	return t, nil
}

// maxLine and maxLines bound what is taken over of people, in bytes and entries.
const (
	maxLine  = 256
	maxLines = 100
)

// line returns v if it is a text that can be shown, else nothing.
func line(v any) string {
	if text, ok := v.(string); ok && len(text) <= maxLine && printable(text) {
		return text
	}
	return ""
}

func lines(v any) (out []string) {
	list, _ := v.([]any)
	for _, v := range list[:min(len(list), maxLines)] {
		if text := line(v); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// KeyError is an error about which key has signed a token, in words that may be told.
type KeyError string

// Error returns the words.
func (e KeyError) Error() string { return string(e) }

// uncritical refuses tokens with extensions that one must understand (RFC 7515, section 4.1.11).
func uncritical(keys jwt.Keyfunc) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if _, there := t.Header["crit"]; there {
			return nil, KeyError("has critical extensions (crit), which are not known here")
		}
		return keys(t)
	}
}

// plain says in words of ours what is wrong: the parser's may quote the token.
func (r *Reader) plain(err error) error {
	if key := KeyError(""); errors.As(err, &key) {
		return key
	}
	if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) {
		return fmt.Errorf("malformed: %s is a %s, not a %v", t.Field, t.Value, t.Type)
	}
	methods := strings.Join(r.rules.Methods, " or ")
	for _, row := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenSignatureInvalid, "the signature does not match, or is not " + methods},
		{jwt.ErrTokenUnverifiable, "the signature is not " + methods},
		{jwt.ErrTokenMalformed, "malformed"},
		{jwt.ErrTokenRequiredClaimMissing, "has no end (exp), issuer (iss) or audience (aud)"},
		{jwt.ErrTokenExpired, "has expired (exp)"},
		{jwt.ErrTokenNotValidYet, "is not valid yet (nbf)"},
		{jwt.ErrTokenUsedBeforeIssued, "was issued in the future (iat)"},
		{jwt.ErrTokenInvalidIssuer, "has another issuer (iss)"},
		{jwt.ErrTokenInvalidAudience, "is for another audience (aud)"},
	} {
		if errors.Is(err, row.err) {
			return errors.New(row.text)
		}
	}
	return errors.New("is not valid")
}
