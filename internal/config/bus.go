package config

import (
	"maps"
	"slices"
	"strings"

	"tallystick/internal/bus"
	"tallystick/internal/settings"
	"tallystick/internal/source"
)

func (c Config) checkNATS(k *settings.Checker) {
	checkBus(k, "nats", c.NATS.Broker.Check(), len(c.NATS.Broker.URLs) > 0, c.NATS.Subscriptions, source.Subscription.Check, source.Subscription.Mixes)
}

func (c Config) checkAMQP(k *settings.Checker) {
	checkBus(k, "amqp", c.AMQP.Broker.Check(), len(c.AMQP.Broker.URLs) > 0, c.AMQP.Subscriptions, source.AMQPSubscription.Check, source.AMQPSubscription.Mixes)
}

func (c Config) checkSTOMP(k *settings.Checker) {
	checkBus(k, "stomp", c.STOMP.Broker.Check(), len(c.STOMP.Broker.URLs) > 0, c.STOMP.Subscriptions, source.STOMPSubscription.Check, source.STOMPSubscription.Mixes)
}

func (c Config) checkFiles(k *settings.Checker) {
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		for _, p := range c.Files[name].Check() {
			k.Wrong(true, settings.Join(settings.Join("files", name), p.Key), "%v", p.Err)
		}
	}
}

// checkBus checks what is under the key of a broker, there being one or not: what was
// found wrong with it, and its subscriptions, each by itself and each two together.
func checkBus[S any](
	k *settings.Checker, under string, problems []bus.Problem, broker bool, subs map[string]S,
	check func(s S, name string) []bus.Problem, mixes func(s S, name, otherName string, other S) bool,
) {
	for _, p := range problems {
		k.Wrong(true, strings.TrimSuffix(settings.Join(under, p.Key), "."), "%v", p.Err)
	}
	k.Wrong(len(subs) > 0 && !broker, settings.Join(under, "urls"), "there are subscriptions, and no broker")
	names := slices.Sorted(maps.Keys(subs))
	for i, name := range names {
		key := settings.Join(settings.Join(under, "subscriptions"), name)
		for _, p := range check(subs[name], name) {
			k.Wrong(true, settings.Join(key, p.Key), "%v", p.Err)
		}
		for _, other := range names[:i] {
			k.Wrong(mixes(subs[other], other, name, subs[name]), key,
				"each message would go to it or to %s, as chance has it, and they differ in kind, cluster or precision", other)
		}
	}
}
