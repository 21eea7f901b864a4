package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linkedin/goavro/v2"

	"tallystick/api"
	"tallystick/internal/block"
	"tallystick/internal/ledger"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A part is a file of a checkpoint: how its records are made, and what is done
// with them.
type part struct {
	file   string
	schema string
	record string // full name of the schema
	batch  int    // records in an Avro block, which damage costs together

	save func() iter.Seq[row]
	use  func(m map[string]any) error

	// key names a record, and held has the keys of all that is there already: an
	// older checkpoint adds only what is missing. Where there is no key, one file
	// is all that is used: parts of two states do not make one.
	key  func(m map[string]any) string
	held func() map[string]bool

	count func(i *Info) *int // where to count the records; nil: nowhere
}

const (
	samplesFile   = "samples.avro"
	transfersFile = "transfers.avro"
	claimsFile    = "claims.avro"
	collectorFile = "collector.avro"
	ingestFile    = "ingest.avro"
)

// all returns the parts in the order in which they are restored: the collector
// may tell of transfers and servers when it gets its state back.
func (p *Parts) all(c *cut, now time.Time) []part {
	return []part{
		p.samples(c), p.transfers(c), p.claims(c),
		state(ingestFile, c.ingest, p.Ingest, now),
		state(collectorFile, c.collector, p.Collector, now),
	}
}

func (p *Parts) samples(c *cut) part {
	return part{
		file: samplesFile, schema: api.SampleBlock(), record: "tallystick.SampleBlock", batch: 64,
		save: c.blocks,
		use: func(m map[string]any) error {
			b, err := blockOf(m)
			if err != nil {
				return err
			}
			return p.Store.Restore(b)
		},
		key: blockKey,
		held: func() map[string]bool {
			return keys(p.Store.Blocks(), func(b *store.BlockAt) string { return blockKey(placeRow(b)) })
		},
		count: func(i *Info) *int { return &i.Blocks },
	}
}

func (p *Parts) transfers(c *cut) part {
	return part{
		file: transfersFile, schema: api.Transfer(), record: "tallystick.Transfer", batch: 512,
		save: rows(c.transfers, (*transfer.Transfer).Native),
		use: func(m map[string]any) error {
			t, err := transfer.FromNative(m)
			if err != nil {
				return err
			}
			p.Ledger.PutTransfer(t)
			return nil
		},
		key: func(m map[string]any) string { return fmt.Sprint(m["id"]) },
		held: func() map[string]bool {
			all := p.Ledger.Transfers(ledger.Filter{})
			return keys(slices.Values(all), func(t *transfer.Transfer) string { return t.ID })
		},
		count: func(i *Info) *int { return &i.Transfers },
	}
}

func (p *Parts) claims(c *cut) part {
	key := func(run, id any) string { return fmt.Sprintf("%q %q", run, id) } // "a.b"+"c" is not "a"+"b.c"
	return part{
		file: claimsFile, schema: api.Claim(), record: "tallystick.Claim", batch: 512,
		save: rows(c.claims, (*transfer.Claim).Native),
		use: func(m map[string]any) error {
			c, err := transfer.ClaimFromNative(m)
			if err != nil {
				return err
			}
			_, err = p.Ledger.PutClaim(c)
			return err
		},
		key: func(m map[string]any) string { return key(m["run"], m["id"]) },
		held: func() map[string]bool {
			all := p.Ledger.Claims(ledger.Filter{})
			return keys(slices.Values(all), func(c *transfer.Claim) string { return key(c.Run, c.ID) })
		},
		count: func(i *Info) *int { return &i.Claims },
	}
}

// state is the part of entries that only their owner reads. Each is a block of
// its own, so that damage costs one.
func state(file string, entries [][]byte, owner Stateful, now time.Time) part {
	return part{
		file: file, schema: api.State(), record: "tallystick.State", batch: 1,
		save: rows(entries, func(b []byte) map[string]any { return map[string]any{"entry": b} }),
		use: func(m map[string]any) error {
			b, ok := m["entry"].([]byte)
			if !ok {
				return errors.New("no entry")
			}
			return owner.Restore(now, bytes.Clone(b))
		},
	}
}

func rows[T any](list []T, of func(T) map[string]any) func() iter.Seq[row] {
	return func() iter.Seq[row] {
		return func(yield func(row) bool) {
			for _, v := range list {
				if !yield(native(of(v))) {
					return
				}
			}
		}
	}
}

func keys[T any](list iter.Seq[T], key func(T) string) map[string]bool {
	held := make(map[string]bool)
	for v := range list {
		held[key(v)] = true
	}
	return held
}

// The codecs. spanCodec has the values from the first sample to the last, with the
// slot of the first in the two bytes before them. rawCodec has all 512, and is
// only read: checkpoints of version 1 have it.
const (
	spanCodec = "span"
	rawCodec  = "raw"
)

// blocks are the rows of the samples. A row is good until the next one.
func (c *cut) blocks() iter.Seq[row] {
	return func(yield func(row) bool) {
		for b := range c.samples.Blocks() {
			if !yield((*blockRow)(b)) {
				return
			}
		}
	}
}

func placeRow(b *store.BlockAt) map[string]any {
	return map[string]any{
		"cluster": b.Path.Cluster, "node": b.Path.Node,
		"type": b.Path.Component.Type, "type_id": b.Path.Component.ID,
		"stype": b.Path.Sub.Type, "stype_id": b.Path.Sub.ID,
		"metric": b.Metric, "step": b.Step, "index": b.Index,
	}
}

// A blockRow is a block as a row. The schema has its fields in this order.
type blockRow store.BlockAt

func (r *blockRow) appendTo(b []byte, _ *goavro.Codec) ([]byte, error) {
	var raw map[string][]byte
	for _, f := range [...]struct{ name, value string }{
		{"cluster", r.Path.Cluster},
		{"node", r.Path.Node},
		{"type", r.Path.Component.Type},
		{"type_id", r.Path.Component.ID},
		{"stype", r.Path.Sub.Type},
		{"stype_id", r.Path.Sub.ID},
		{"metric", r.Metric},
	} {
		if !utf8.ValidString(f.value) { // as escape has it
			if raw == nil {
				raw = make(map[string][]byte)
			}
			raw[f.name] = []byte(f.value)
			f.value = strings.ToValidUTF8(f.value, "\uFFFD")
		}
		b = appendText(b, f.value)
	}
	b = binary.AppendVarint(binary.AppendVarint(b, r.Step), r.Index)
	b = r.appendValues(appendText(b, spanCodec))
	if raw == nil {
		return binary.AppendVarint(b, 0), nil // null
	}
	text, err := json.Marshal(raw)
	return appendText(binary.AppendVarint(b, 1), text), err
}

func (r *blockRow) appendValues(b []byte) []byte {
	all := (*block.Block)(&r.Values)
	first, last := max(all.First(0), 0), all.Last(block.Slots-1)
	b = binary.AppendVarint(b, int64(2+8*(last+1-first)))
	b = binary.LittleEndian.AppendUint16(b, uint16(first)) //nolint:gosec // less than 512
	for _, v := range all[first : last+1] {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func blockKey(m map[string]any) string {
	return fmt.Sprintf("%q %q %q %q %q %q %q %v", m["cluster"], m["node"],
		m["type"], m["type_id"], m["stype"], m["stype_id"], m["metric"], m["index"])
}

// blockOf returns the block that blockRow made m of.
func blockOf(m map[string]any) (*store.BlockAt, error) {
	name := func(field string) string { s, _ := m[field].(string); return s }
	b := &store.BlockAt{
		Path: selector.Path{
			Cluster: name("cluster"), Node: name("node"),
			Component: selector.Part{Type: name("type"), ID: name("type_id")},
			Sub:       selector.Part{Type: name("stype"), ID: name("stype_id")},
		},
		Metric: name("metric"),
	}
	var isStep, isIndex bool
	b.Step, isStep = m["step"].(int64)
	b.Index, isIndex = m["index"].(int64)
	if !isStep || !isIndex {
		return nil, fmt.Errorf("block of %q at %s: no step or no index", b.Metric, b.Path)
	}
	values, _ := m["values"].([]byte)
	if err := decode(name("codec"), values, (*block.Block)(&b.Values)); err != nil {
		return nil, fmt.Errorf("block %d of %q at %s: %w", b.Index, b.Metric, b.Path, err)
	}
	return b, nil
}

// decode makes b what values are in the codec.
func decode(codec string, values []byte, b *block.Block) error {
	base := 0
	switch {
	case codec == rawCodec && len(values) == block.Bytes:
	case codec == spanCodec && len(values) >= 2:
		base, values = int(binary.LittleEndian.Uint16(values)), values[2:]
	case codec == rawCodec || codec == spanCodec:
		return fmt.Errorf("%d bytes of values", len(values))
	default:
		return fmt.Errorf("unknown codec %q", codec)
	}
	if len(values)%8 != 0 || base+len(values)/8 > block.Slots {
		return fmt.Errorf("%d bytes of values from slot %d on", len(values), base)
	}
	b.Clear()
	for i := range len(values) / 8 {
		b[base+i] = math.Float64frombits(binary.LittleEndian.Uint64(values[i*8:]))
	}
	return nil
}
