package collect

import (
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/xrootd"
)

// A login is what a u record says.
type login struct {
	App     raw
	MonInfo raw
	Version raw   `json:",omitempty"` // of the client
	IPv6    bool  `json:",omitempty"`
	Auth    *auth `json:",omitempty"` // nil: nothing is known of it
}

// An auth is who logged in, as far as the server knows.
type auth struct {
	Protocol, Name, DN, VO, Role, Groups raw

	told *transfer.Auth // the same, for all files of the session
}

// tell returns a as it is told.
func (a *auth) tell() *transfer.Auth {
	switch {
	case a == nil:
		return nil
	case a.told == nil:
		a.told = &transfer.Auth{
			Protocol: string(a.Protocol), Name: string(a.Name), DN: string(a.DN),
			VO: string(a.VO), Role: string(a.Role), Groups: string(a.Groups),
		}
	}
	return a.told
}

// loginOf returns what the rest of a u record says. It keeps nothing of it: what it
// does not need would be kept with it.
func loginOf(rest []byte) login {
	in := xrootd.ParseLogin(rest)
	clone := func(s string) raw { return raw(strings.Clone(s)) }
	l := login{App: clone(in.App), MonInfo: clone(in.MonInfo), Version: clone(in.ClientVersion), IPv6: in.IPVersion == 6}
	if in.Protocol != "" || in.Name != "" || in.DN != "" || in.VO != "" {
		l.Auth = &auth{
			Protocol: clone(in.Protocol), Name: clone(in.Name), DN: clone(in.DN),
			VO: clone(in.VO), Role: clone(in.Role), Groups: clone(in.Groups),
		}
	}
	return l
}

// size returns how many bytes of text are in l.
func (l *login) size() int {
	n := len(l.App) + len(l.MonInfo) + len(l.Version)
	if a := l.Auth; a != nil {
		n += len(a.Protocol) + len(a.Name) + len(a.DN) + len(a.VO) + len(a.Role) + len(a.Groups)
	}
	return n
}

// tell puts what is known of who opened a file into t.
func (o *opener) tell(t *transfer.Transfer) {
	t.User, t.Client, t.PID, t.Protocol = string(o.Who.User), string(o.Who.Host), o.Who.PID, string(o.Who.Protocol)
	t.App, t.MonInfo, t.AppInfo = string(o.App), string(o.MonInfo), string(o.AppInfo)
	t.ClientVersion, t.IPv6 = string(o.Version), o.Who.IPv6 || o.IPv6
	t.Experiment, t.Activity = o.Flow.Experiment, o.Flow.Activity
	o.Token.tell(t)
	t.Auth = o.Auth.tell()
}
