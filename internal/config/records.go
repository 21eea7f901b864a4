package config

import (
	"maps"
	"slices"
	"strings"
)

func (c Config) checkRecords(k *checker) {
	for _, p := range c.Records.Check() {
		k.wrong(true, join("records", p.Key), "%v", p.Err)
	}
	files := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(c.Records.Outputs)) {
		o, key := c.Records.Outputs[name], join("records.outputs", name)
		for _, p := range o.Check(name) {
			k.wrong(true, strings.TrimSuffix(join(key, p.Key), "."), "%v", p.Err)
		}
		k.wrong(o.NATS.Subject != "" && len(c.NATS.Broker.URLs) == 0, join(key, "subject"), "there is no broker: nats.urls is empty")
		k.wrong(o.AMQP.Exchange != "" && len(c.AMQP.Broker.URLs) == 0, join(key, "exchange"), "there is no broker: amqp.urls is empty")
		if o.File.Path != "" {
			k.wrong(files[o.File.Path] != "", join(key, "file"), "%s writes to it too", files[o.File.Path])
			files[o.File.Path] = name
		}
	}
}
