package shovel

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxServers bounds the servers that are told apart: addresses can be forged. Of more,
	// the one that has been silent for longest is forgotten.
	maxServers = 1000
	// maxStreams bounds the sequences of one server, in the same way: some for each life of
	// each process.
	maxStreams = 32
)

// servers knows the servers that send, by address.
type servers struct {
	mu sync.Mutex
	by map[string]*sender
}

// A sender is one server, or several behind one address.
type sender struct {
	packets, bytes, gaps int64
	last                 time.Time
	streams              map[streamKey]*sequence
}

// A streamKey tells sequences of datagrams apart: dictionary records, traces and redirects
// of a socket have one, files another, and each g-stream its own (Monitor.cc:1198,
// MonFile.cc:400, GSReal.cc:200 of XRootD 5.5.3).
type streamKey struct {
	port     uint16
	stod     uint32
	code     byte // f, g, or m for all others
	provider byte // of a g-stream
}

// A sequence is what the last number of a stream was.
type sequence struct {
	next byte
	last time.Time
}

func newServers() *servers { return &servers{by: make(map[string]*sender)} }

// saw notes a datagram.
func (s *servers) saw(at time.Time, remote string, b []byte) {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return
	}
	address := from.Addr().String()
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.by[address]
	if one == nil {
		one = &sender{streams: make(map[streamKey]*sequence)}
		forgetOne(s.by, maxServers, func(o *sender) time.Time { return o.last })
		s.by[address] = one
	}
	one.packets++
	one.bytes += int64(len(b))
	one.last = at
	if key, seq, ok := keyOf(from.Port(), b); ok {
		one.number(at, key, seq)
	}
}

// forgetOne makes room for one more than most.
func forgetOne[K comparable, V any](m map[K]V, most int, last func(V) time.Time) {
	if len(m) < most {
		return
	}
	var oldest K
	var when time.Time
	for k, v := range m {
		if t := last(v); when.IsZero() || t.Before(when) {
			oldest, when = k, t
		}
	}
	delete(m, oldest)
}

// keyOf returns the stream of a binary datagram and its number there. Those of text have
// theirs inside, and are not counted.
func keyOf(port uint16, b []byte) (key streamKey, seq byte, ok bool) {
	const providerAt = 16 // behind the header, begin and end: the top byte of what the server is called
	if len(b) < headerSize || isText(b) {
		return streamKey{}, 0, false
	}
	key = streamKey{port: port, stod: binary.BigEndian.Uint32(b[4:]), code: 'm'}
	switch {
	case b[0] == 'f':
		key.code = 'f'
	case b[0] == 'g' && len(b) > providerAt:
		key.code, key.provider = 'g', b[providerAt]
	}
	return key, b[1], true
}

// number counts what is missing before a number, at least: a datagram that comes later than
// one sent after it was counted, and is taken off again.
func (o *sender) number(at time.Time, key streamKey, seq byte) {
	s := o.streams[key]
	if s == nil {
		forgetOne(o.streams, maxStreams, func(s *sequence) time.Time { return s.last })
		o.streams[key] = &sequence{next: seq + 1, last: at}
		return
	}
	s.last = at
	ahead := seq - s.next
	if ahead < 128 {
		o.gaps += int64(ahead)
		s.next = seq + 1
	} else if o.gaps > 0 {
		o.gaps--
	}
}

// A ServerStatus is what is known of one address.
type ServerStatus struct {
	Address string    `json:"address"`
	Packets int64     `json:"packets"`
	Bytes   int64     `json:"bytes"`
	Gaps    int64     `json:"gaps"` // datagrams that were lost on the way here, at least
	Last    time.Time `json:"last_seen"`
}

// status returns all servers, by address.
func (s *servers) status() []ServerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]ServerStatus, 0, len(s.by))
	for address, o := range s.by {
		out = append(out, ServerStatus{address, o.packets, o.bytes, o.gaps, o.last})
	}
	slices.SortFunc(out, func(a, b ServerStatus) int {
		x, _ := netip.ParseAddr(a.Address)
		y, _ := netip.ParseAddr(b.Address)
		return x.Compare(y)
	})
	return out
}

// Describe implements prometheus.Collector: what there is to tell depends on who sends.
func (*servers) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *servers) Collect(out chan<- prometheus.Metric) {
	tell := func(name, help string, kind prometheus.ValueType, v float64, server string) {
		d := prometheus.NewDesc("tallystick_shovel_server_"+name, help, []string{"server"}, nil)
		out <- prometheus.MustNewConstMetric(d, kind, v, server)
	}
	for _, o := range s.status() {
		tell("packets_total", "Datagrams of a server.", prometheus.CounterValue, float64(o.Packets), o.Address)
		tell("bytes_total", "Bytes of a server's datagrams.", prometheus.CounterValue, float64(o.Bytes), o.Address)
		tell("gaps", "Datagrams of a server that were lost on the way here, at least, by the numbers of those that came.",
			prometheus.GaugeValue, float64(o.Gaps), o.Address)
		tell("last_seen_timestamp_seconds", "When a server's last datagram came.", prometheus.GaugeValue,
			float64(o.Last.UnixNano())/float64(time.Second), o.Address)
	}
}
