package source_test

import (
	"strings"
	"testing"

	"tallystick/internal/lineproto"
	"tallystick/internal/source"
)

func TestSubscriptionCheck(t *testing.T) {
	f := func(s source.Subscription, want ...string) {
		t.Helper()
		if s.Subject == "" {
			s.Subject = "a"
		}
		var got []string
		for _, p := range s.Check("name") {
			got = append(got, p.Key+": "+p.Err.Error())
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			t.Errorf("%+v:\ngot  %s\nwant %s", s, g, w)
		}
	}
	f(source.Subscription{})
	f(source.Subscription{Subject: "a.*.b.>", Queue: "q", Cluster: "c", Precision: "ms", InFlight: 65536})
	f(source.Subscription{Stream: "S", Durable: "d", MaxBytes: 1, Kind: source.Packets})
	f(source.Subscription{Subject: "a..b"}, `subject: "a..b" is not a subject`)
	f(source.Subscription{Subject: "a.>.b"}, `subject: "a.>.b" is not a subject`)
	f(source.Subscription{Subject: "a b"}, `subject: "a b" is not a subject`)
	f(source.Subscription{Queue: "a b"}, `queue: "a b" has a space or an empty part`)
	f(source.Subscription{Queue: "q", Stream: "S"},
		"queue: is for subscriptions without a stream: those with the same durable share one")
	f(source.Subscription{Stream: "a.b", Durable: "c d"},
		`stream: "a.b" has a space or one of . * > / \`, `durable: "c d" has a space or one of . * > / \`)
	f(source.Subscription{Durable: "d", MaxBytes: -1}, "durable: needs a stream", "max_bytes: needs a stream", "max_bytes: -1 is less than 0")
	f(source.Subscription{InFlight: 65537}, "in_flight: 65537 is not from 0 to 65536")
	f(source.Subscription{Kind: source.Claims, Cluster: "c"}, "kind: cluster and precision are for lines, not for claims")
	_, bad := lineproto.ParsePrecision("x")
	f(source.Subscription{Precision: "x"}, "precision: "+bad.Error())
	f(source.Subscription{Cluster: "a/b"}, `cluster: cluster "a/b" has path characters`)
	if got := (source.Subscription{Subject: "a", Stream: "S"}).Check("a.b"); len(got) != 1 || got[0].Key != "durable" {
		t.Errorf("got %v, want one about the durable that the name makes", got)
	}
}

// Chance must not say what a line's cluster is.
func TestMixes(t *testing.T) {
	f := func(a, b source.Subscription, want bool) {
		t.Helper()
		if got, other := a.Mixes("a", "b", b), b.Mixes("b", "a", a); got != want || other != want {
			t.Errorf("%+v and %+v: got %v and %v, want %v", a, b, got, other, want)
		}
	}
	core := func(subject, queue, cluster string) source.Subscription {
		return source.Subscription{Subject: subject, Queue: queue, Cluster: cluster}
	}
	f(core("s", "q", "a"), core("s", "q", "b"), true)
	f(core("s", "q", "a"), core("s", "q", "a"), false) // they do the same
	f(core("s", "q", "a"), core("s", "p", "b"), false)
	f(core("s", "", "a"), core("s", "", "b"), false) // both get all
	f(core("s.a", "q", "a"), core("s.b", "q", "b"), false)
	f(core("s.*", "q", "a"), core("s.b", "q", "b"), true) // a queue is one whatever the subjects
	f(core("s.>", "q", "a"), core("*.b.c", "q", "b"), true)
	f(core("s.*", "q", "a"), core("s.b.c", "q", "b"), false)
	f(core("s", "q", "a"), source.Subscription{Subject: "s", Queue: "q", Cluster: "a", Kind: source.Lines, Precision: "auto"}, false)
	f(core("s", "q", ""), source.Subscription{Subject: "s", Queue: "q", Kind: source.Claims}, true)

	stream := func(durable, cluster string) source.Subscription {
		return source.Subscription{Subject: "s", Stream: "S", Durable: durable, Cluster: cluster}
	}
	f(stream("", "a"), stream("", "b"), false) // each has a durable of its own
	f(stream("d", "a"), stream("d", "b"), true)
	f(stream("tallystick-b", "a"), stream("", "b"), true)
	f(stream("d", "a"), stream("d", "a"), false)
	f(stream("d", "a"), core("s", "q", "b"), false)
}
