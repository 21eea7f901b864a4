package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"

	"tallystick/internal/cli"
	"tallystick/internal/config"
	"tallystick/internal/httpapi"
	"tallystick/internal/logs"
	"tallystick/internal/settings"
)

// A control changes a server while it runs. It implements httpapi.Control.
type control struct {
	s    *server
	file *config.File
	log  *logs.Log

	mu      sync.Mutex
	running config.Config // that the server runs with
}

// hangups has each SIGHUP read again what can be, until ctx ends.
func (c *control) hangups(ctx context.Context) error {
	return cli.OnHangup(ctx, func() { c.s.manager.Reload(c.reread) })
}

// reread opens the log's file again, and reads certificates and configuration.
func (c *control) reread() {
	c.log.Rotate()
	if c.s.certs != nil {
		c.s.certs.Reload()
	}
	done, err := c.apply()
	if err != nil {
		c.log.Error("the configuration is wrong, and nothing of it is changed", "err", err)
		return
	}
	level := slog.LevelInfo
	if len(done.Restart) > 0 {
		level = slog.LevelWarn // what has no effect yet is told also where little is
	}
	c.log.Log(context.Background(), level, "the configuration is read again", "applied", done.Applied, "restart", done.Restart)
}

// apply reads the configuration and applies what can be without a restart.
func (c *control) apply() (done httpapi.Replaced, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := c.file.Load()
	if err != nil {
		return done, err
	}
	keys, err := config.Differences(c.running, next)
	if err != nil {
		return done, err
	}
	for _, key := range keys {
		if key == "log.level" {
			done.Applied = append(done.Applied, key)
		} else {
			done.Restart = append(done.Restart, key)
		}
	}
	c.log.SetLevel(next.Log.Level) // also where somebody has changed it meanwhile
	c.running.Log.Level = next.Log.Level
	return done, nil
}

// Level returns what is logged.
func (c *control) Level() slog.Level { return c.log.Level() }

// SetLevel changes what is logged.
func (c *control) SetLevel(to slog.Level) { c.log.SetLevel(to) }

// Desired returns the configuration file.
func (c *control) Desired() (text []byte, tag string, err error) {
	text, tag, err = c.file.Read()
	return text, tag, controlError(err)
}

// Replace writes another configuration file, and applies what can be.
func (c *control) Replace(text []byte, tag string) (done httpapi.Replaced, err error) {
	tag, err = c.file.Replace(text, tag)
	if err == nil {
		done, err = c.apply()
	}
	done.Tag = tag
	return done, controlError(err)
}

// Actual returns the configuration of the server.
func (c *control) Actual() (text []byte, tag string, err error) {
	c.mu.Lock()
	running := c.running
	c.mu.Unlock()
	text, err = running.YAML()
	sum := sha256.Sum256(text)
	return text, hex.EncodeToString(sum[:16]), err
}

// controlError returns err in the words of httpapi.
func controlError(err error) error {
	var invalid *settings.InvalidError
	switch {
	case errors.Is(err, config.ErrNoFile):
		return httpapi.ErrNoConfiguration
	case errors.Is(err, config.ErrChanged):
		return httpapi.ErrOtherTag
	case errors.As(err, &invalid):
		return &httpapi.ConfigurationError{Problems: invalid.Error()}
	}
	return err
}
