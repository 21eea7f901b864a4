package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// A candidate is a peer that is on this machine.
type candidate struct {
	name    string
	bin     string
	version string
	peer    func() peer
}

// kinds are the peers that are known, with their binaries where a package puts them.
func kinds() []candidate {
	return []candidate{
		{name: "tallystick", bin: "bin/tallystick", peer: func() peer { return &tallystick{} }},
		{name: "victoria-metrics", bin: "victoria-metrics", peer: func() peer { return newVictoriaMetrics() }},
		{name: "prometheus", bin: "prometheus", peer: func() peer { return newPrometheus() }},
		{name: "influxdb", bin: "influxd", peer: func() peer { return influxDB{} }},
		{name: "cc-metric-store", peer: func() peer { return &ccms{} }},
	}
}

// find returns the peers of the flags that are on this machine and take the shape.
func (b *bench) find(ctx context.Context) (found []candidate, err error) {
	for entry := range strings.SplitSeq(b.peers, ",") {
		name, path, _ := strings.Cut(entry, "=")
		all := kinds()
		i := slices.IndexFunc(all, func(c candidate) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("peer %q is not known", name)
		}
		c := all[i]
		if path != "" {
			c.bin = path
		}
		if c.bin, err = exec.LookPath(c.bin); err != nil {
			b.without = append(b.without, name+" (not found)")
			continue
		}
		if why := c.peer().takes(b.load.Shape); why != "" {
			b.without = append(b.without, name+" ("+why+")")
			continue
		}
		c.version = version(ctx, c)
		c.name = another(found, name)
		found = append(found, c)
	}
	if without := b.findBroker(); without != "" {
		b.without = append(b.without, without)
	}
	for _, w := range b.without {
		b.say("without %s", w)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("none of %s is here", b.peers)
	}
	return found, nil
}

// another is the name, with a number behind it if there is one already.
func another(found []candidate, name string) string {
	n := 1
	for _, c := range found {
		if strings.HasPrefix(c.name+" ", name+" ") {
			n++
		}
	}
	if n > 1 {
		name += fmt.Sprintf(" %d", n)
	}
	return name
}

// version is what the package says that the binary is from, or else the binary itself.
func version(ctx context.Context, c candidate) string {
	owner, err := exec.CommandContext(ctx, "dpkg-query", "-S", c.bin).Output()
	if name, _, ok := strings.Cut(string(owner), ":"); err == nil && ok {
		if v, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", name).Output(); err == nil {
			return "Debian's " + string(v)
		}
	}
	for _, arg := range []string{"version", "-version"} {
		out, err := exec.CommandContext(ctx, c.bin, arg).Output()
		if line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n"); err == nil && line != "" {
			return line
		}
	}
	return "version unknown"
}
