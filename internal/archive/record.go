package archive

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linkedin/goavro/v2"

	"tallystick/api"
	"tallystick/internal/checkpoint"
	"tallystick/internal/ocf"
	"tallystick/internal/selector"
	"tallystick/internal/transfer"
)

// A Series is values of one metric at one level, one after the other.
type Series struct {
	Path   selector.Path
	Metric string
	Unit   string
	Step   int64     // seconds
	Start  int64     // Unix seconds: when the step of Values[0] begins
	Values []float64 // NaN: there is none
}

// maxValues is how many a record has at most: 32 KiB, which damage costs together and
// a reader has to hold.
const maxValues = 4096

// texts returns the strings of a series, in the order of the schema.
func (s *Series) texts() [8]*string {
	return [...]*string{
		&s.Path.Cluster, &s.Path.Node, &s.Path.Component.Type, &s.Path.Component.ID,
		&s.Path.Sub.Type, &s.Path.Sub.ID, &s.Metric, &s.Unit,
	}
}

// textNames are what the schema calls them.
func textNames() [8]string {
	return [...]string{"cluster", "node", "type", "type_id", "stype", "stype_id", "metric", "unit"}
}

// append appends s as a record of the schema.
func (s *Series) append(to []byte) ([]byte, error) {
	var raw map[string][]byte
	for i, text := range s.texts() {
		if utf8.ValidString(*text) {
			to = ocf.AppendText(to, *text)
			continue
		}
		if raw == nil {
			raw = make(map[string][]byte)
		}
		raw[textNames()[i]] = []byte(*text)
		to = ocf.AppendText(to, strings.ToValidUTF8(*text, "\uFFFD"))
	}
	to = binary.AppendVarint(binary.AppendVarint(to, s.Step), s.Start)
	if len(s.Values) > 0 {
		to = binary.AppendVarint(to, int64(len(s.Values)))
		for _, v := range s.Values {
			to = binary.LittleEndian.AppendUint64(to, math.Float64bits(v))
		}
	}
	to = binary.AppendVarint(to, 0) // the end of the list
	if raw == nil {
		return binary.AppendVarint(to, 0), nil // null
	}
	text, err := json.Marshal(raw)
	return ocf.AppendText(binary.AppendVarint(to, 1), text), err
}

var errShort = errors.New("a record is cut short")

// A cutter takes the fields of a record one by one. After the first error all are zero.
type cutter struct {
	rest []byte
	err  error
}

func (c *cutter) long() int64 {
	v, n := binary.Varint(c.rest)
	if n <= 0 || c.err != nil {
		c.err = errShort
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *cutter) text() []byte {
	n := c.long()
	if n < 0 || n > int64(len(c.rest)) || c.err != nil {
		c.err = errShort
		return nil
	}
	text := c.rest[:n]
	c.rest = c.rest[n:]
	return text
}

// doubles takes a list. It allocates what is there, not what the list says.
func (c *cutter) doubles(to []float64) []float64 {
	for n := c.long(); n != 0; n = c.long() {
		if n < 0 { // the size in bytes follows, for those who want to skip
			n = -n
			c.long()
		}
		if n < 0 || n > int64(len(c.rest)/8) {
			c.err = errShort
			return to
		}
		for i := range int(n) {
			to = append(to, math.Float64frombits(binary.LittleEndian.Uint64(c.rest[8*i:])))
		}
		c.rest = c.rest[8*n:]
	}
	return to
}

// cutSeries returns the series that b begins with, and the rest.
func cutSeries(b []byte) (*Series, []byte, error) {
	c, s := cutter{rest: b}, new(Series)
	for _, text := range s.texts() {
		*text = string(c.text())
	}
	s.Step, s.Start = c.long(), c.long()
	s.Values = c.doubles(nil)
	var raw map[string][]byte
	if c.long() != 0 {
		if text := c.text(); c.err == nil {
			c.err = json.Unmarshal(text, &raw)
		}
	}
	if c.err == nil && s.Step <= 0 {
		c.err = fmt.Errorf("a step of %d s", s.Step)
	}
	if c.err != nil {
		return nil, c.rest, c.err
	}
	for i, text := range s.texts() {
		if true_, ok := raw[textNames()[i]]; ok {
			*text = string(true_)
		}
	}
	return s, c.rest, nil
}

// An item is what a record says.
type item struct {
	value    any   // *Series, *transfer.Transfer, *transfer.Claim or Packet
	from, to int64 // Unix seconds that it is of
	cluster  string
}

// schemaOf returns the schema of a kind.
func schemaOf(kind Kind) string {
	switch kind {
	case checkpoint.Samples:
		return api.Samples()
	case checkpoint.Transfers:
		return api.Transfer()
	case checkpoint.Claims:
		return api.Claim()
	}
	return api.Packet()
}

// cutItem returns what the record says that b begins with, and the rest of b.
func cutItem(kind Kind, codec *goavro.Codec, b []byte) (item, []byte, error) {
	if kind == checkpoint.Samples {
		s, rest, err := cutSeries(b)
		if err != nil {
			return item{}, rest, err
		}
		return seriesItem(s), rest, nil
	}
	m, rest, err := ocf.Native(codec, b)
	if err != nil {
		return item{}, rest, err
	}
	switch kind {
	case checkpoint.Transfers:
		t, err := transfer.FromNative(m)
		if err != nil {
			return item{}, rest, err
		}
		return transferItem(t), rest, nil
	case checkpoint.Claims:
		c, err := transfer.ClaimFromNative(m)
		if err != nil {
			return item{}, rest, err
		}
		return claimItem(c), rest, nil
	}
	ns, ok1 := m["at_ns"].(int64)
	remote, ok2 := m["remote"].([]byte)
	data, ok3 := m["data"].([]byte)
	if !ok1 || !ok2 || !ok3 {
		return item{}, rest, errors.New("a packet without time, source or data")
	}
	arrival, _ := m["arrival_ns"].(int64) // older versions have none
	return packetItem(Packet{At: time.Unix(0, ns), Remote: string(remote), Data: data, Arrival: arrival}), rest, nil
}

func seriesItem(s *Series) item {
	return item{s, s.Start, s.Start + s.Step*int64(len(s.Values)), s.Path.Cluster}
}

func transferItem(t *transfer.Transfer) item { return at(t, t.Time()) }
func claimItem(c *transfer.Claim) item       { return at(c, c.Time()) }
func packetItem(p Packet) item               { return at(p, p.At.Unix()) }

func at(v any, sec int64) item { return item{value: v, from: sec, to: sec + 1} }

// appender returns what appends items of a kind as records.
func appender(kind Kind) (func(to []byte, v any) ([]byte, error), error) {
	codec, err := goavro.NewCodec(schemaOf(kind))
	return func(to []byte, v any) ([]byte, error) {
		switch v := v.(type) {
		case *Series:
			return v.append(to)
		case *transfer.Transfer:
			return ocf.AppendNative(to, codec, v.Native())
		case *transfer.Claim:
			return ocf.AppendNative(to, codec, v.Native())
		case Packet:
			to = ocf.AppendText(binary.AppendVarint(to, v.At.UnixNano()), v.Remote)
			return binary.AppendVarint(ocf.AppendText(to, v.Data), v.Arrival), nil
		}
		return to, fmt.Errorf("a %T is not a record", v)
	}, err
}
