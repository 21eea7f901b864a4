package ccms

import (
	"fmt"
	"net/url"
	"strings"

	"tallystick/internal/selector"
)

// nats translates the broker and its subscriptions.
func (c *converter) nats() {
	urls, user, password := c.broker()
	creds := c.text("nats", "creds-file-path")
	list, _ := c.take("metric-store", "nats-subscriptions").([]any)
	if len(urls) == 0 {
		if len(list) > 0 {
			c.line("")
			c.look("", "metric-store.nats-subscriptions: there is no nats.address, they are left out")
		}
		return
	}
	c.section("nats")
	c.line("  # nats.address")
	c.line("  urls: [%s]", strings.Join(urls, ", "))
	switch {
	case creds != "":
		c.key("  ", "credentials_file", creds, "nats.creds-file-path")
	case user != "":
		c.key("  ", "user", user, "nats.username")
		c.look("  ", "nats.password: secrets are in files here, put it into this one")
		c.line("  password_file: /etc/tallystick/nats.password")
	case password:
		c.look("  ", "nats.password: there is no nats.username, it is left out")
	}
	c.subscriptions(list)
}

// broker returns the quoted URLs of the broker, its user, and whether there was a
// password.
func (c *converter) broker() (urls []string, user string, password bool) {
	address, user := c.text("nats", "address"), c.text("nats", "username")
	password = c.text("nats", "password") != ""
	for text := range strings.SplitSeq(address, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || !strings.Contains(" nats tls ws wss ", " "+u.Scheme+" ") {
			c.look("", "nats.address has something that is not nats://host:port; it is left out")
			continue
		}
		if u.User != nil {
			c.look("", "nats.address has a user or a secret in it, which is left out: see nats.user and nats.token_file")
			u.User = nil
		}
		urls = append(urls, quote(u.String()))
	}
	return urls, user, password
}

func (c *converter) subscriptions(list []any) {
	c.line("  subscriptions:")
	written := make(map[string]bool)
	subjects := make(map[string]bool)
	for i, v := range list {
		key := fmt.Sprintf("metric-store.nats-subscriptions[%d]", i)
		s, _ := v.(map[string]any)
		subject, _ := s["subscribe-to"].(string)
		cluster, _ := s["cluster-tag"].(string)
		c.left(key, s, "subscribe-to", "cluster-tag")
		switch {
		case !isSubject(subject):
			c.look("    ", "%s.subscribe-to is %q, which is no subject; it is left out", key, subject)
			continue
		case cluster != "" && selector.CheckName("cluster", cluster) != nil:
			c.look("    ", "%s.cluster-tag is %q, which is no name; it is left out", key, cluster)
			cluster = ""
		}
		if subjects[subject] {
			c.look("    ", "%s.subscribe-to is there twice: each message is taken for both clusters", key)
		}
		subjects[subject] = true
		name := subscriptionName(cluster, i, written)
		written[name] = true
		c.say("    ", "%s", key)
		c.line("    %s: {subject: %s, cluster: %s}", quote(name), quote(subject), quote(cluster))
	}
	if len(written) == 0 {
		c.line("    {}")
	}
}

// subscriptionName returns a name for the log and the metrics.
func subscriptionName(cluster string, i int, taken map[string]bool) string {
	if cluster != "" && !taken[cluster] && !strings.ContainsAny(cluster, " \t.*>") {
		return cluster
	}
	return fmt.Sprintf("subscription-%d", i+1)
}

func isSubject(s string) bool {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		if p == "" || strings.ContainsAny(p, " \t\r\n") || p == ">" && i < len(parts)-1 {
			return false
		}
	}
	return true
}
