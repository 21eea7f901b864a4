package arch_test

import (
	"slices"
	"strings"
)

// module is what every import path of ours begins with.
const module = "tallystick"

// rows is section 3 of ARCHITECTURE.md, where each package has its line. A
// package imports from rows below its own.
var rows = [][]string{
	0: {
		"api",
		"benchmarks/workload",
		"internal/arch",
		"internal/auth",
		"internal/auth/keys",
		"internal/block",
		"internal/codec",
		"internal/durable",
		"internal/durable/durabletest",
		"internal/idset",
		"internal/lineproto",
		"internal/metric",
		"internal/ocf",
		"internal/run",
		"internal/secret",
		"internal/selector",
		"internal/transfer",
		"internal/xrootd",
	},
	1: {
		"internal/advice",
		"internal/auth/accounts",
		"internal/auth/password",
		"internal/auth/proxies",
		"internal/auth/throttle",
		"internal/bus",
		"internal/bus/bustest",
		"internal/capture",
		"internal/collect",
		"internal/ledger",
		"internal/reconcile",
		"internal/record",
		"internal/store",
		"internal/wal",
	},
	2: {
		"internal/auth/peer",
		"internal/auth/jwtlogin",
		"internal/auth/local",
		"internal/auth/login",
		"internal/auth/standing",
		"internal/bus/amqp",
		"internal/bus/amqp/amqptest",
		"internal/bus/nats",
		"internal/bus/nats/natstest",
		"internal/bus/stomp",
		"internal/bus/stomp/stomptest",
		"internal/ccms",
		"internal/certs",
		"internal/checkpoint",
		"internal/ingest",
		"internal/logs",
		"internal/pages",
		"internal/query",
		"internal/settings",
		"internal/systemd",
		"internal/validate",
	},
	3: {
		"internal/archive",
		"internal/audit",
		"internal/auth/github",
		"internal/auth/ldap",
		"internal/auth/oidc",
		"internal/cli",
		"internal/forward",
		"internal/phase",
		"internal/rdns",
		"internal/report",
		"internal/retain",
		"internal/source",
	},
	4: {
		"internal/demo",
		"internal/httpapi",
		"internal/replay",
		"internal/shovel",
	},
	5: {
		"benchmarks/process",
		"internal/config",
		"internal/shoveler",
	},
	6: {
		"benchmarks/compare",
		"benchmarks/load",
		"benchmarks/restart",
		"benchmarks/secure",
		"benchmarks/shovel",
		"cmd/tallystick",
		"cmd/tallystick-shovel",
	},
}

// later are rooms that are kept free: ARCHITECTURE.md names them below its
// table.
var later = map[string]int{
	"internal/campaign":   4,
	"internal/federation": 4,
}

// deaf is the last row whose packages know no logger, clock, goroutine,
// network or file.
const deaf = 1

// hears are the packages up to row deaf that may, since it is their work.
var hears = map[string]bool{
	"internal/auth":                true, // keys are files; tokens come with requests
	"internal/auth/keys":           true, // it looks at files and fetches a JWKS
	"internal/auth/login":          true, // requests
	"internal/auth/accounts":       true, // a database
	"internal/auth/proxies":        true, // headers of requests
	"internal/bus":                 true, // secrets and certificates are files
	"internal/bus/bustest":         true,
	"internal/durable":             true,
	"internal/durable/durabletest": true,
	"internal/run":                 true,
	"internal/wal":                 true,
}

// impure are the imports that make a package hear. A path that ends in a slash
// means all below it.
var impure = []string{"log", "log/", "net", "net/http", "net/http/", "net/rpc", "net/smtp", "os", "os/", "syscall", "golang.org/x/sys/"}

// onlyFor are packages that only the given ones may import; tests may always.
var onlyFor = map[string][]string{
	"internal/capture":             {"internal/demo"},
	"internal/durable/durabletest": {},
	"internal/bus/amqp/amqptest":   {},
	"internal/bus/bustest":         {"internal/bus/amqp/amqptest", "internal/bus/nats/natstest", "internal/bus/stomp/stomptest"},
	"internal/bus/nats/natstest":   {},
	"internal/bus/stomp/stomptest": {},
	"internal/demo":                {"cmd/tallystick"},
}

// row returns the row of a package, given below the module's path.
func row(pkg string) (int, bool) {
	for n, pkgs := range rows {
		if slices.Contains(pkgs, pkg) {
			return n, true
		}
	}
	n, ok := later[pkg]
	return n, ok
}

// own reports whether an import path is of this module, and its part below it.
func own(path string) (string, bool) {
	return strings.CutPrefix(path, module+"/")
}
