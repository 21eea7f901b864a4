package config

import (
	"slices"

	"tallystick/internal/settings"
)

// prefix begins the name of every variable of the server.
const prefix = "TALLYSTICK_"

// FileVariable names the configuration file if the command line does not.
const FileVariable = prefix + "CONFIG"

func form() settings.Form { return settings.FormOf[Config](prefix, nil) }

// Load reads, decodes and validates a configuration. The error is a *settings.InvalidError with all
// that is wrong.
func Load(s settings.Sources) (Config, error) {
	defaults := Default()
	defaults.Development = form().File(s) == ""
	return settings.Load(form(), s, defaults, check)
}

// LoadToServe is Load, and reads besides the keys, certificates and secrets without which a
// server does not start: what is wrong with them is wrong with the configuration. Those that it
// reads each time when they are needed may come later.
func LoadToServe(s settings.Sources) (Config, error) {
	defaults := Default()
	defaults.Development = form().File(s) == ""
	return settings.Load(form(), s, defaults, checkToServe)
}

// checkToServe is check, and has besides what is wrong with files whose keys are right.
func checkToServe(c *Config) []*settings.Problem {
	problems := check(c)
	files := slices.DeleteFunc(c.checkOnStart(), func(p *settings.Problem) bool {
		return slices.ContainsFunc(problems, func(had *settings.Problem) bool { return had.Key == p.Key })
	})
	return append(problems, files...)
}

// check fills in what follows from something else, and returns what is wrong.
func check(c *Config) []*settings.Problem {
	*c = c.resolved()
	return c.check()
}

// Keys returns all keys, in the order in which they are told.
func Keys() []settings.Key { return form().Keys(Default()) }

// YAML returns the configuration as a file that Load would read it from, but that what is
// secret is hidden.
func (c Config) YAML() ([]byte, error) { return form().YAML(c) }

// Differences returns the keys whose values differ, in the order in which keys are told.
func Differences(a, b Config) ([]string, error) { return form().Differences(a, b) }
