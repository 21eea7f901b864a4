// Package systemd is what a process tells the manager that started it, and the
// sockets that it is given by it (sd_notify(3), sd_listen_fds(3)).
//
// Without a manager that listens, nothing is told and there are no sockets: a
// process need not know how it was started.
package systemd

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// A Service is this process to its manager. Its two parts are for a run.Group:
// Watch first, so that a process that hangs while it stops is noticed too, and
// Ready last.
type Service struct {
	// Alive returns nil if the process does its work, an error if not, or nothing
	// at all where it hangs: only nil is told to the watchdog.
	Alive func(ctx context.Context) error
	// Status is a line for people (systemctl status).
	Status func() string
	Log    *slog.Logger
}

// Ready tells that the process is ready, and when ctx ends that it is stopping.
func (s *Service) Ready(ctx context.Context) error {
	s.tell(s.Status(), daemon.SdNotifyReady)
	<-ctx.Done()
	s.tell("stopping", daemon.SdNotifyStopping)
	return nil
}

// Reload tells that the process is reloading while do runs.
func (s *Service) Reload(do func()) {
	// Type=notify-reload wants to know since when, CLOCK_MONOTONIC in µs.
	s.tell("reloading", daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec())
	do()
	s.tell(s.Status(), daemon.SdNotifyReady)
}

// Watch tells the watchdog that the process is alive, twice in the time after which it
// would end it (WatchdogSec=), until ctx ends.
func (s *Service) Watch(ctx context.Context) error {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.Log.Warn("there is no watchdog", "err", err)
	}
	if within < 2 { // ns
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(within / 2)
	defer tick.Stop()
	for {
		s.beat(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// beat is one beat of the heart, if there is one.
func (s *Service) beat(ctx context.Context) {
	if err := s.Alive(ctx); err != nil {
		s.Log.Error("not well; the watchdog is not told otherwise", "err", err)
		return
	}
	s.tell(s.Status(), daemon.SdNotifyWatchdog)
}

func (s *Service) tell(status string, state ...string) {
	status = strings.ReplaceAll(status, "\n", " ") // a line each
	_, err := daemon.SdNotify(false, strings.Join(append(state, "STATUS="+status), "\n"))
	if err != nil {
		s.Log.Error("the service manager cannot be told", "state", state[0], "err", err)
	}
}
