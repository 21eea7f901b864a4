// Package peers has tests of the programs that others send with, unchanged,
// against a running tallystick: the client libraries of both versions of
// InfluxDB, and Telegraf where the variable TALLYTEST_TELEGRAF names its binary
// (`make telegraf`). It is a module of its own so that nobody else needs what
// they need; `make e2e` runs it.
package peers
