// Package secret knows what must not be shown: in a log, an error or a configuration that is
// told to somebody.
//
// Secrets belong into files of their own, and the keys of the configuration name these. This
// is for those that stand elsewhere all the same: in an address, or in what another says.
package secret

import (
	"regexp"
	"strings"
)

// Hidden stands where a secret was.
const Hidden = "REDACTED"

// IsKey reports whether what stands under a key such as auth.client_secret is a secret. What ends
// in _file names one, and is none.
func IsKey(key string) bool {
	name := strings.ToLower(key[strings.LastIndexByte(key, '.')+1:])
	for _, end := range []string{"password", "passphrase", "secret", "token", "private_key", "api_key", "authorization", "cookie"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// Mask returns the text with the passwords of addresses (scheme://user:password@host) and tokens
// hidden. It would rather hide too much: what is before an @ may be a password that was not escaped.
func Mask(text string) string {
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = regexp.MustCompile(`(://[^\s/@:"']*:)[^\s"']*@`).ReplaceAllString(text, "${1}"+Hidden+"@")
	}
	if strings.Contains(text, "eyJ") { // {" in base64: a JSON Web Token
		text = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.?[\w-]*`).ReplaceAllString(text, Hidden)
	}
	if lower := strings.ToLower(text); strings.Contains(lower, "bearer ") || strings.Contains(lower, "basic ") {
		text = regexp.MustCompile(`(?i)\b(bearer|basic) +[\w.~+/=-]{8,}`).ReplaceAllString(text, "$1 "+Hidden)
	}
	return text
}
