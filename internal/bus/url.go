package bus

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
)

var errSecret = errors.New("a password or token in a URL would be shown; use user and password_file, or token_file")

// CheckURL returns what is wrong with the URL of a broker that must have one of the
// schemes. The first of them is for the example in the error.
func CheckURL(text, port string, schemes ...string) error {
	example := schemes[0] + "://broker.example.org:" + port
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("one is not a URL such as " + example) // err would show what is in it
	case u.User != nil:
		return errSecret
	case !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q is not a URL such as %s", text, example)
	}
	return nil
}
