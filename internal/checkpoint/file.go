package checkpoint

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/linkedin/goavro/v2"

	"tallystick/api"
	"tallystick/internal/codec"
	"tallystick/internal/durable"
	"tallystick/internal/ocf"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

// A file is one of a checkpoint that is to be written: how its records are made.
type file struct {
	kind    Kind
	cluster string // of samples and counts
	schema  string
	batch   int  // records in an Avro block, which damage costs together
	always  bool // also if there are none: a state is that of this checkpoint, or none
	rows    iter.Seq[row]
}

// A row is a record: how it appends itself, and which Unix seconds it is of.
type row struct {
	append   func(b []byte) ([]byte, error)
	from, to int64
}

func blockFile(kind Kind, cluster string, blocks iter.Seq[*store.BlockAt]) file {
	return file{kind: kind, cluster: cluster, schema: api.SampleBlock(), batch: 64, rows: func(yield func(row) bool) {
		var b *store.BlockAt
		e := new(codec.Encoder)
		r := row{append: func(to []byte) ([]byte, error) { return appendBlock(to, b, e) }}
		for b = range blocks {
			r.from, r.to = begin(b), end(b)
			if !yield(r) {
				return
			}
		}
	}}
}

func transferFile(list iter.Seq[*transfer.Transfer]) file {
	return file{kind: Transfers, schema: api.SavedTransfer(), batch: 512, rows: natives(list, api.SavedTransfer(), (*transfer.Transfer).Native, (*transfer.Transfer).Time)}
}

func claimFile(list iter.Seq[*transfer.Claim]) file {
	return file{kind: Claims, schema: api.Claim(), batch: 512, rows: natives(list, api.Claim(), (*transfer.Claim).Native, (*transfer.Claim).Time)}
}

// natives are the rows of what goavro encodes.
func natives[T any](list iter.Seq[T], schema string, native func(T) map[string]any, at func(T) int64) iter.Seq[row] {
	return func(yield func(row) bool) {
		codec, err := goavro.NewCodec(schema)
		for v := range list {
			t := at(v)
			r := row{from: t, to: t + 1, append: func(b []byte) ([]byte, error) {
				if err != nil {
					return b, err
				}
				return ocf.AppendNative(b, codec, native(v))
			}}
			if !yield(r) {
				return
			}
		}
	}
}

func packetFile(list iter.Seq[Packet]) file {
	return file{kind: Packets, schema: api.Packet(), batch: 512, rows: func(yield func(row) bool) {
		for p := range list {
			t := p.At.Unix()
			r := row{from: t, to: t + 1, append: func(b []byte) ([]byte, error) { return appendPacket(b, p), nil }}
			if !yield(r) {
				return
			}
		}
	}}
}

func appendPacket(b []byte, p Packet) []byte {
	b = ocf.AppendText(binary.AppendVarint(b, p.At.UnixNano()), p.Remote)
	return binary.AppendVarint(ocf.AppendText(b, p.Data), p.Arrival)
}

func stateFile(kind Kind, entries iter.Seq[[]byte]) file {
	return file{kind: kind, schema: api.State(), batch: 1, always: true, rows: func(yield func(row) bool) {
		for e := range entries {
			if !yield(row{append: func(b []byte) ([]byte, error) { return ocf.AppendText(b, e), nil }}) {
				return
			}
		}
	}}
}

// whole has the writing of f fail at its end if something is missed that should be in it.
func whole(f file, missed func() error) file {
	rows := f.rows
	f.rows = func(yield func(row) bool) {
		for r := range rows {
			if !yield(r) {
				return
			}
		}
		if err := missed(); err != nil {
			yield(row{append: func(b []byte) ([]byte, error) { return b, err }})
		}
	}
	return f
}

// writeFile writes one file, and returns what meta.json says of it; nil if there is
// nothing in it.
func (d *Dir) writeFile(ctx context.Context, folder, name string, f file) (*metaOf, error) {
	next, stop := iter.Pull(f.rows)
	defer stop()
	r, ok := next()
	if !ok && !f.always {
		return nil, nil
	}
	of := &metaOf{Name: name, Kind: f.kind, Cluster: escaped(f.cluster), From: r.from, To: r.to}
	label := "checkpoint " + string(f.kind)
	return of, durable.Write(d.fsys, label, filepath.Join(folder, name), func(w io.Writer) error {
		out, err := ocf.NewWriter(&counted{w, &of.Bytes}, f.schema, ocf.Snappy, f.batch)
		if err != nil {
			return err
		}
		for ; ok; r, ok = next() {
			if err := errors.Join(ctx.Err(), out.Append(r.append)); err != nil {
				return err
			}
			of.From, of.To = min(of.From, r.from), max(of.To, r.to)
		}
		of.Records = out.Records()
		return out.Flush()
	})
}

// counted counts the bytes that are written.
type counted struct {
	w io.Writer
	n *int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	*c.n += int64(n)
	return n, err
}

// A portion is the records of one Avro block.
type portion struct {
	n     int64
	plain []byte // good until the next one
	codec *goavro.Codec
	ours  bool // the schema is that of this version
}

// portions yields the Avro blocks of a file. What is wrong with it, and how many
// records there should be, is told.
func (d *Dir) portions(f *folder, of *metaOf, schema string, tell func(error)) iter.Seq[portion] {
	return func(yield func(portion) bool) {
		in, err := d.open(f.name, of.Name)
		if err != nil {
			tell(err)
			return
		}
		defer in.Close()
		whole, records := true, int64(0)
		r := ocf.NewReader(in, func(err error) {
			whole = false
			tell(err)
		})
		if !r.Open(schema) {
			return
		}
		for n, plain := range r.Blocks() {
			records += n
			if !yield(portion{n, plain, r.Codec(), r.Same()}) {
				return
			}
		}
		if whole && of.Records >= 0 && records != int64(of.Records) {
			tell(fmt.Errorf("%d records, and %s tells of %d", records, metaFile, of.Records))
		}
	}
}

// decoded yields what decode makes of each record that can be read. decode returns
// the rest of the portion.
func decoded[T any](portions iter.Seq[portion], tell func(error), decode func(p *portion, rec []byte) (T, []byte, error)) iter.Seq[T] {
	return func(yield func(T) bool) {
		for p := range portions {
			rec := p.plain
			for range p.n {
				v, rest, err := decode(&p, rec)
				if err == nil {
					if !yield(v) {
						return
					}
				} else {
					tell(err)
				}
				if len(rest) >= len(rec) { // a record takes at least a byte
					break
				}
				rec = rest
			}
		}
	}
}

// readBlocks yields the blocks of a file, each good until the next one.
func (d *Dir) readBlocks(f *folder, of *metaOf, tell func(error)) iter.Seq[*store.BlockAt] {
	var dec decoder
	b := new(store.BlockAt)
	return decoded(d.portions(f, of, api.SampleBlock(), tell), tell, func(p *portion, rec []byte) (*store.BlockAt, []byte, error) {
		rest, err := dec.record(p, rec, b)
		return b, rest, err
	})
}

// record decodes the record of a block, of whatever version of the schema.
func (d *decoder) record(p *portion, rec []byte, b *store.BlockAt) (rest []byte, err error) {
	if p.ours {
		return d.block(rec, b)
	}
	m, rest, err := ocf.Native(p.codec, rec)
	if err != nil {
		return rest, err
	}
	return rest, blockOf(m, b)
}

// blockOf makes b what a record of an older schema says.
func blockOf(m map[string]any, b *store.BlockAt) error {
	for i, s := range names(b) {
		*s, _ = m[fields()[i]].(string)
	}
	var isStep, isIndex bool
	b.Step, isStep = m["step"].(int64)
	b.Index, isIndex = m["index"].(int64)
	if !isStep || !isIndex {
		return fmt.Errorf("block of %q at %s: no step or no index", b.Metric, b.Path)
	}
	coding, _ := m["codec"].(string)
	values, _ := m["values"].([]byte)
	return decode(coding, values, b)
}

// eachBlock calls use with every block of a file, by as many at once as there are
// processors. It returns how many were used, and what use refused.
func (d *Dir) eachBlock(ctx context.Context, f *folder, of *metaOf, use func(*store.BlockAt) error, tell func(error)) (used int, refused []error) {
	var (
		mu    sync.Mutex // of what follows, and of tell
		wg    sync.WaitGroup
		procs = runtime.GOMAXPROCS(0)
		work  = make(chan portion)         // none waits, so that no more is in memory than is worked at,
		free  = make(chan []byte, procs+1) // and the next one
	)
	for range cap(free) {
		free <- nil
	}
	told := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		tell(err)
	}
	for range procs {
		wg.Go(func() {
			n, errs := 0, []error(nil)
			b, dec := new(store.BlockAt), decoder{}
			for p := range work {
				one := func(yield func(portion) bool) { yield(p) }
				for b := range decoded(one, told, func(p *portion, rec []byte) (*store.BlockAt, []byte, error) {
					rest, err := dec.record(p, rec, b)
					return b, rest, err
				}) {
					if err := use(b); err != nil {
						errs = append(errs, err)
						continue
					}
					n++
				}
				free <- p.plain
			}
			mu.Lock()
			defer mu.Unlock()
			used, refused = used+n, append(refused, errs...)
		})
	}
	for p := range stoppable(ctx, d.portions(f, of, api.SampleBlock(), told)) {
		p.plain = append((<-free)[:0], p.plain...)
		work <- p
	}
	close(work)
	wg.Wait()
	return used, refused
}

// readTransfers yields the transfers of a file.
func (d *Dir) readTransfers(f *folder, of *metaOf, tell func(error)) iter.Seq[*transfer.Transfer] {
	return decoded(d.portions(f, of, api.SavedTransfer(), tell), tell, func(p *portion, rec []byte) (*transfer.Transfer, []byte, error) {
		m, rest, err := ocf.Native(p.codec, rec)
		if err != nil {
			return nil, rest, err
		}
		t, err := transfer.FromNative(m)
		return t, rest, err
	})
}

// readClaims yields the claims of a file.
func (d *Dir) readClaims(f *folder, of *metaOf, tell func(error)) iter.Seq[*transfer.Claim] {
	return decoded(d.portions(f, of, api.Claim(), tell), tell, func(p *portion, rec []byte) (*transfer.Claim, []byte, error) {
		m, rest, err := ocf.Native(p.codec, rec)
		if err != nil {
			return nil, rest, err
		}
		c, err := transfer.ClaimFromNative(m)
		return c, rest, err
	})
}

// readPackets yields the packets of a file, whose data is its own.
func (d *Dir) readPackets(f *folder, of *metaOf, tell func(error)) iter.Seq[Packet] {
	return decoded(d.portions(f, of, api.Packet(), tell), tell, func(of *portion, rec []byte) (p Packet, rest []byte, err error) {
		ns, rest, err := cutLong(rec)
		if err != nil {
			return p, rest, err
		}
		remote, rest, err := cutText(rest)
		if err != nil {
			return p, rest, err
		}
		data, rest, err := cutText(rest)
		p = Packet{At: time.Unix(0, ns), Remote: string(remote), Data: bytes.Clone(data)}
		if err == nil && of.ours { // those of an older version have no arrival
			p.Arrival, rest, err = cutLong(rest)
		}
		return p, rest, err
	})
}

// readState yields the entries of a state, each good until the next one.
func (d *Dir) readState(f *folder, of *metaOf, tell func(error)) iter.Seq[[]byte] {
	return decoded(d.portions(f, of, api.State(), tell), tell, func(_ *portion, rec []byte) (entry, rest []byte, err error) {
		return cutText(rec)
	})
}

// stoppable ends a sequence when ctx ends.
func stoppable[T any](ctx context.Context, seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range seq {
			if ctx.Err() != nil || !yield(v) {
				return
			}
		}
	}
}
