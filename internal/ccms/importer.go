package ccms

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
)

// ErrNothing is the error of a folder that has no checkpoints.
var ErrNothing = errors.New("no files <cluster>/<host>/<time>.json, .bin or current.wal")

// An Importer puts checkpoints into a store.
type Importer struct {
	Store *store.Store
	Table *metric.Table // of the store; it may learn

	Types  []string // besides NamedTypes, those that levels are named by
	Oldest func(cluster, metric string) int64
	Newest int64 // Unix seconds; later samples are refused, and those before Oldest

	// Progress is told before each host how many are done, and how many there are.
	Progress func(done, hosts int, r *Report)

	report Report
	namer  namer
}

// A host is where files are.
type host struct {
	path  selector.Path
	files []file
}

// Import puts the checkpoints in a folder into the store, host by host, and
// returns the report. An error is that of ctx, or ErrNothing.
func (im *Importer) Import(ctx context.Context, fsys fs.FS) (*Report, error) {
	im.report = Report{
		Refused: make(map[string]*Refused), Unknown: make(map[string]*Unknown), Steps: make(map[string]int64),
	}
	im.namer = newNamer(im.Types)
	hosts := im.hosts(fsys)
	if len(hosts) == 0 {
		return &im.report, ErrNothing
	}
	for i, h := range hosts {
		if im.Progress != nil {
			im.Progress(i, len(hosts), &im.report)
		}
		if err := im.host(ctx, fsys, h); err != nil {
			return &im.report, err
		}
	}
	return &im.report, nil
}

// hosts returns the hosts that have files.
func (im *Importer) hosts(fsys fs.FS) []host {
	var out []host
	for _, cluster := range im.folders(fsys, ".") {
		before := len(out)
		for _, node := range im.folders(fsys, cluster) {
			at := path.Join(cluster, node)
			p := selector.Path{Cluster: cluster, Node: node}
			if err := p.Check(); err != nil {
				im.problem(at, err)
				continue
			}
			if files := im.files(fsys, at); len(files) > 0 {
				out = append(out, host{p, files})
			}
		}
		if len(out) > before {
			im.report.Clusters++
		}
	}
	im.report.Hosts = len(out)
	return out
}

// host puts the files of one host into the store.
func (im *Importer) host(ctx context.Context, fsys fs.FS, h host) error {
	g := gathering{im: im, host: h.path, series: make(map[key]*gathered), own: make(map[key]bool)}
	for s := range im.Store.Held(h.path, selector.Path{}) {
		g.own[key{s.Path, s.Metric}] = true
	}
	for _, f := range h.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.file(fsys, f); err != nil {
			im.problem(f.path, err)
		}
	}
	g.put()
	return nil
}

// file gathers what is in a file.
func (g *gathering) file(fsys fs.FS, f file) error {
	in, err := fsys.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	g.im.report.Files++
	use := func(s *Series) { g.add(s, f) }
	switch f.kind {
	case jsonKind:
		return ReadJSON(in, use)
	case binaryKind:
		return ReadBinary(in, use)
	case walKind:
		return ReadWAL(in, func(r *Record) { g.record(r, f) }, func(err error) { g.im.problem(f.path, err) })
	}
	return fmt.Errorf("unknown kind of file: %d", f.kind)
}
