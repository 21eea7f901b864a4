package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"tallystick/internal/auth"
	"tallystick/internal/auth/jwtlogin"
	"tallystick/internal/bus"
	"tallystick/internal/settings"
)

// file tells what is wrong with reading the file of a key, if there is one.
func file(k *settings.Checker, key, path string, read func(path string) error) {
	if path == "" {
		return
	}
	err := read(path)
	k.Wrong(err != nil, key, "%v", err)
}

func files(k *settings.Checker, under string, problems []bus.Problem) {
	for _, p := range problems {
		k.Wrong(true, settings.Join(under, p.Key), "%v", p.Err)
	}
}

// authorities reads the file of a key ca_file.
func authorities(path string) error {
	_, err := bus.Files{CA: path}.TLS()
	return err
}

func (c Config) checkOnStart() []*settings.Problem {
	var k settings.Checker
	c.checkTLS(&k)
	c.checkKeys(&k)
	c.checkLogins(&k)
	c.checkBrokers(&k)
	for _, name := range slices.Sorted(maps.Keys(c.Records.Outputs)) {
		files(&k, settings.Join("records.outputs", name), c.Records.Outputs[name].HTTP.CheckFiles())
	}
	file(&k, "archive.s3.ca_file", c.Archive.S3.CAFile, authorities)
	return k
}

func (c Config) checkTLS(k *settings.Checker) {
	if c.HTTP.TLS.Check() != nil {
		return // that is told, and what there is of it fits nothing
	}
	file(k, "http.tls.cert", c.HTTP.TLS.Cert, func(path string) error {
		_, err := bus.Files{Cert: path, Key: c.HTTP.TLS.Key}.TLS()
		return err
	})
	file(k, "http.tls.client_ca", c.HTTP.TLS.ClientCA, authorities)
}

// keyFile is file, but that the key that development makes for itself need not be there.
func (c Config) keyFile(k *settings.Checker, key, path string, read func(path string) error) {
	_, err := os.Stat(path)
	if made := c.Development && path == c.Auth.KeyFile && errors.Is(err, fs.ErrNotExist); !made {
		file(k, key, path, read)
	}
}

// checkKeys reads the keys of tokens.
func (c Config) checkKeys(k *settings.Checker) {
	c.keyFile(k, "auth.key_file", c.Auth.KeyFile, func(path string) error {
		err := loadKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; tallystick token makes it", err)
		}
		return err
	})
	before, some := len(*k), 0
	for _, path := range c.Auth.KeyFiles {
		keys, err := auth.Config{KeyFiles: []string{path}}.LoadKeys()
		k.Wrong(err != nil, "auth.key_files", "%v", err)
		some += len(keys)
	}
	others := c.Auth.Config
	others.KeyFiles = nil
	k.Wrong(len(c.Auth.KeyFiles) > 0 && len(*k) == before && some == 0 && !others.HasKey(),
		"auth.key_files", "there is no key in %s", strings.Join(c.Auth.KeyFiles, ", "))
}

// checkLogins reads the files of who lets people in, if anybody does.
func (c Config) checkLogins(k *settings.Checker) {
	a := c.Auth
	if a.Accounts.Database == "" {
		return
	}
	file(k, "auth.accounts.password_file", a.Accounts.PasswordFile, func(path string) error {
		_, err := os.ReadFile(path)
		return err
	})
	c.keyFile(k, "auth.jwt_session.key_file", a.JWTSession.KeyFile, func(path string) error {
		_, err := jwtlogin.NewSession(jwtlogin.SessionConfig{KeyFile: path}, nil, time.Now)
		return err
	})
	if a.JWTCookie.Name != "" {
		c.keyFile(k, "auth.jwt_cookie.key_file", a.JWTCookie.KeyFile, loadKey)
		c.keyFile(k, "auth.jwt_cookie.trusted_key_file", a.JWTCookie.TrustedKeyFile, loadKey)
	}
	if a.LDAP.On() {
		file(k, "auth.ldap.ca_file", a.LDAP.CAFile, authorities)
	}
	if a.GitHub.On() {
		file(k, "auth.github.ca_file", a.GitHub.CAFile, authorities)
	}
	for _, name := range slices.Sorted(maps.Keys(a.OIDC)) {
		file(k, settings.Join(settings.Join("auth.oidc", name), "ca_file"), a.OIDC[name].CAFile, authorities)
	}
}

func loadKey(path string) error {
	_, err := auth.LoadKey(path)
	return err
}

func (c Config) checkBrokers(k *settings.Checker) {
	if len(c.NATS.Broker.URLs) > 0 {
		files(k, "nats", c.NATS.Broker.CheckFiles())
	}
	if len(c.AMQP.Broker.URLs) > 0 {
		files(k, "amqp", c.AMQP.Broker.CheckFiles())
	}
	if len(c.STOMP.Broker.URLs) > 0 {
		files(k, "stomp", c.STOMP.Broker.CheckFiles())
	}
}
