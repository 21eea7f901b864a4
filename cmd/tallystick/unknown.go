package main

import (
	"errors"
	"fmt"

	"tallystick/internal/validate"
)

// namesMost is how many names somebody is told of whom a report was asked for by another.
const namesMost = 10

// unknown is the error of names in s that nothing has. It says which there are.
func unknown(l validate.Ledger, s validate.Selection) (err error) {
	for _, n := range s.Unknown {
		there := validate.Names(l, n)
		text := fmt.Sprintf("there are %d others", len(there))
		switch {
		case len(there) == 0:
			text = "there is none"
		case len(there) <= namesMost:
			text = fmt.Sprintf("there is %q", there)
		}
		err = errors.Join(err, fmt.Errorf("--%s: nothing is of %q; %s", n, n.Of(s), text))
	}
	return err
}
