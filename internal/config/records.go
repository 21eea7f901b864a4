package config

import (
	"maps"
	"slices"
	"strings"

	"tallystick/internal/settings"
)

func (c Config) checkRecords(k *settings.Checker) {
	for _, p := range c.Records.Check() {
		k.Wrong(true, settings.Join("records", p.Key), "%v", p.Err)
	}
	files := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(c.Records.Outputs)) {
		o, key := c.Records.Outputs[name], settings.Join("records.outputs", name)
		for _, p := range o.Check(name) {
			k.Wrong(true, strings.TrimSuffix(settings.Join(key, p.Key), "."), "%v", p.Err)
		}
		k.Wrong(o.NATS.Subject != "" && len(c.NATS.Broker.URLs) == 0, settings.Join(key, "subject"), "there is no broker: nats.urls is empty")
		k.Wrong(o.AMQP.Exchange != "" && len(c.AMQP.Broker.URLs) == 0, settings.Join(key, "exchange"), "there is no broker: amqp.urls is empty")
		if o.File.Path != "" {
			k.Wrong(files[o.File.Path] != "", settings.Join(key, "file"), "%s writes to it too", files[o.File.Path])
			files[o.File.Path] = name
		}
	}
}
