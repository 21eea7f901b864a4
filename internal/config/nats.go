package config

import (
	"maps"
	"slices"
	"strings"

	"tallystick/internal/source"
)

func (c Config) checkNATS(k *checker) {
	for _, p := range c.NATS.Broker.Check() {
		k.wrong(true, strings.TrimSuffix(join("nats", p.Key), "."), "%v", p.Err)
	}
	subs := c.NATS.Subscriptions
	k.wrong(len(subs) > 0 && len(c.NATS.Broker.URLs) == 0, "nats.urls", "there are subscriptions, and no broker")
	names := slices.Sorted(maps.Keys(subs))
	for i, name := range names {
		key := join("nats.subscriptions", name)
		for _, p := range subs[name].Check(name) {
			k.wrong(true, join(key, p.Key), "%v", p.Err)
		}
		for _, other := range names[:i] {
			k.wrong(source.Mixes(other, subs[other], name, subs[name]), key,
				"each message would go to it or to %s, as chance has it, and they differ in kind, cluster or precision", other)
		}
	}
}
