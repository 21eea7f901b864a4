package validate

import (
	"strings"

	"tallystick/internal/transfer"
)

// joinByID joins the transfers that carry the id of a claim.
//
// The id is text that the client gave its session, by its app info or its
// monitoring info: the claim's key, or in the form that older tests use,
// <id>_<url>_<retry>, which does not tell the run. It is the session's and not
// the file's: a session that opens several files shows it with all of them, and
// the path says which of them is meant. A file that was read in several
// sessions, because one was idle for too long or the server went away, shows it
// several times, and all of them belong to the claim.
func joinByID(claims []*claim, accounts []*account, slack float64) {
	byKey, byID := make(map[string][]*claim), make(map[string][]*claim)
	for _, c := range claims {
		byKey[c.Key()] = append(byKey[c.Key()], c)
		byID[c.ID] = append(byID[c.ID], c)
	}
	servers := make(map[string]bool)
	for _, a := range accounts {
		servers[a.names[0]], servers[a.names[1]] = true, true
	}
	for _, a := range accounts {
		if c := findByID(a, byKey, byID, servers, slack); c != nil {
			c.add(a, "id")
		}
	}
}

func findByID(a *account, byKey, byID map[string][]*claim, servers map[string]bool, slack float64) *claim {
	for _, text := range []string{a.AppInfo, a.MonInfo} {
		text = strings.TrimSpace(text)
		if c := chooseByID(byKey[text], a, servers, slack, false); c != nil {
			return c
		}
		if id, ok := oldID(text); ok {
			if c := chooseByID(byID[id], a, servers, slack, true); c != nil {
				return c
			}
		}
	}
	return nil
}

// oldID returns the id of <id>_<url>_<retry>. The url may have underscores in
// it.
func oldID(text string) (id string, ok bool) {
	id, rest, _ := strings.Cut(text, "_")
	return id, id != "" && strings.Contains(rest, "_")
}

// chooseByID returns the one of claims that a belongs to, nil if that is none
// or cannot be told. timed says that the id alone does not tell the run, so
// that the times must overlap.
func chooseByID(claims []*claim, a *account, servers map[string]bool, slack float64, timed bool) *claim {
	var fit, within []*claim
	for _, c := range claims {
		// A server's name that no transfer has, such as a redirector's, says
		// nothing about where the client was sent.
		if a.path != c.path || servers[c.server] && !a.named(c.server) || timed && !overlap(c, a, slack) {
			continue
		}
		fit = append(fit, c)
		if contains(c, a, slack) {
			within = append(within, c)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0]
	case len(within) == 1:
		return within[0]
	}
	return nil
}

// overlap reports whether c and a may have been open at the same time.
func overlap(c *claim, a *account, slack float64) bool {
	return a.begin <= c.end+slack && a.end > c.Opened-slack
}

// contains reports whether a may have been opened and ended while c lasted.
func contains(c *claim, a *account, slack float64) bool {
	if !a.Opened.Known() && !a.Closed.Known() {
		return false
	}
	return (!a.Opened.Known() || gap(a.Opened, c.Opened, c.end) <= slack) &&
		(a.End == transfer.Open || !a.Closed.Known() || gap(a.Closed, c.Opened, c.end) <= slack)
}

// gap returns how many seconds lie between i and the time from begin to end, 0
// if they touch. The seconds of i are whole ones: i lasts to the end of its
// last.
func gap(i transfer.Interval, begin, end float64) float64 {
	return max(0, float64(i[0])-end, begin-float64(i[1]+1))
}
