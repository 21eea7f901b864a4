package source

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallystick/internal/bus"
	"tallystick/internal/durable"
	"tallystick/internal/ingest"
	"tallystick/internal/run"
)

const (
	// filePoll is how often is looked for more of a file, or for the file.
	filePoll = time.Second
	// fileRetry is after how long a part of a file is tried again that found no room.
	fileRetry = 5 * time.Second
)

// A FileConfig is what comes in by one file, of lines: of the line protocol, messages of
// shovelers or claims, one on each.
type FileConfig struct {
	Path   string `koanf:"path"`
	Kind   Kind   `koanf:"kind"`   // empty: lines of the line protocol
	Follow bool   `koanf:"follow"` // what is added to it is taken too, and the file that takes its name; else it is read once

	Cluster   string `koanf:"cluster"`   // of lines that name none
	Precision string `koanf:"precision"` // of the times of lines: s, ms, us, ns or auto
}

// Check returns what is wrong with c, each with its key.
func (c FileConfig) Check() (problems []bus.Problem) {
	if c.Path == "" {
		problems = append(problems, bus.Problem{Key: "path", Err: errors.New("is empty")})
	}
	return append(problems, c.content().Check()...)
}

func (c FileConfig) content() Content { return Content{c.Kind, c.Cluster, c.Precision} }

// A File takes what is in a file, and remembers how far.
type File struct {
	name   string
	cfg    FileConfig
	taker  *taker
	fsys   durable.FS
	where  string // the file with the place
	counts *fileCounts
	log    *slog.Logger

	tail  *tail // nil: no file is open
	place place
	known bool // place was read
	final bool // nobody will add to the file that is open: another has its name
	told  bool // what is wrong now was told
}

// NewFile returns a source for the file of that name in the configuration; how far it is
// read is remembered in dir. The error is that of registering its counters.
func NewFile(name string, cfg FileConfig, dir string, fsys durable.FS, sinks Sinks, reg prometheus.Registerer, log *slog.Logger) (*File, error) {
	t, err := newTaker("file", name, cfg.content(), ofLines(), sinks, reg, log)
	if err != nil {
		return nil, err
	}
	f := &File{
		name: name, cfg: cfg, taker: t, fsys: fsys, where: filepath.Join(dir, url.PathEscape(name)+".json"),
		log: log.With("file", cfg.Path),
	}
	if f.counts, err = newFileCounts(reg, name); err != nil {
		return nil, fmt.Errorf("register counters of file %s: %w", name, err)
	}
	return f, nil
}

// Run takes what is in the file, and what comes into it, until ctx ends, and returns
// nil. What goes wrong is told and tried again.
func (f *File) Run(ctx context.Context) error {
	defer f.close()
	if err := f.fsys.MkdirAll("FILE:PLACE", filepath.Dir(f.where)); err != nil {
		return fmt.Errorf("file %s: %w", f.name, err)
	}
	for ctx.Err() == nil {
		more, err := f.step(ctx)
		f.tell(err)
		if !more {
			run.Wait(ctx, filePoll)
		}
	}
	return nil
}

// tell tells the first of several errors, and that they are over.
func (f *File) tell(err error) {
	switch {
	case err != nil && !f.told:
		f.log.Warn("file: cannot go on, trying again", "err", err)
	case err == nil && f.told:
		f.log.Info("file: goes on")
	}
	f.told = err != nil
}

// step takes the next part of the file; more is false if there is none now.
func (f *File) step(ctx context.Context) (more bool, err error) {
	if f.tail == nil {
		if err := f.open(); err != nil {
			return false, err
		}
		if f.place.Until > f.place.At { // the process before us may have handed it over
			return f.again(ctx)
		}
	}
	data, long, err := f.tail.next(f.final || !f.cfg.Follow)
	switch {
	case err != nil:
		return false, err
	case long > 0:
		f.taker.counts.rejected.WithLabelValues(reasonLong).Inc()
		f.log.Warn("file: a line is too long, and is skipped", "offset", f.tail.at, "bytes", long, "most", maxFileLine)
		f.tail.done(long)
		return true, f.move(0)
	case len(data) == 0:
		return f.changed()
	}
	return f.hand(ctx, data)
}

// reasonLong is the reason of a line that is longer than maxFileLine.
const reasonLong = "too-long"

// hand hands over a part, having written down which it is.
func (f *File) hand(ctx context.Context, data []byte) (more bool, err error) {
	if err := f.move(int64(len(data))); err != nil {
		return false, err
	}
	if !f.take(ctx, data) {
		return false, nil // told to stop: the next process goes on with it
	}
	f.counts.bytes.Add(float64(len(data)))
	f.tail.done(int64(len(data)))
	return true, nil
}

// again hands over what was being handed over when the process before us ended.
func (f *File) again(ctx context.Context) (more bool, err error) {
	data, err := f.tail.read(int(f.place.Until - f.place.At))
	if err != nil {
		return false, err
	}
	return f.hand(ctx, data)
}

// move writes down that all before the tail was taken, and the next n bytes are being
// handed over.
func (f *File) move(n int64) error {
	p := f.place
	p.At, p.Until = f.tail.at, f.tail.at+n
	p, err := p.know(f.tail.f)
	if err == nil {
		err = p.save(f.fsys, f.where)
	}
	if err == nil {
		f.place = p
	}
	return err
}

// take hands over data until there was room for all of it, or ctx ends: false.
func (f *File) take(ctx context.Context, data []byte) bool {
	id := bus.ID{Source: f.place.ID, Number: uint64(f.place.At)}
	for {
		r := f.taker.take(context.WithoutCancel(ctx), data, f.taker.message(id))
		f.taker.counts.count(r)
		if r.Full == 0 {
			f.refused(r)
			return true
		}
		run.Wait(ctx, fileRetry)
		if ctx.Err() != nil {
			return false
		}
	}
}

func (f *File) refused(r ingest.Result) {
	if r.Rejected > 0 {
		f.log.Warn("file: lines refused", "after_offset", f.place.At, "refused", r.Rejected, "accepted", r.Accepted,
			"first", r.Errors[:min(1, len(r.Errors))])
	}
}

// open opens the file, where the process before us was if it is the same, else at its
// beginning.
func (f *File) open() error {
	if !f.known {
		p, err := loadPlace(f.where)
		if err != nil {
			f.log.Warn("file: how far it was read is not known, it is read from its beginning", "err", err)
		}
		f.place, f.known = p, true
	}
	file, err := open(f.fsys, f.cfg.Path)
	if err != nil {
		return err
	}
	err = f.begin(file)
	if err != nil {
		_ = file.Close()
	}
	return err
}

// begin begins to read file.
func (f *File) begin(file readable) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	same, err := f.place.isOf(file, info.Size())
	if err != nil {
		return err
	}
	if !same {
		if gone, err := f.goOn(file); gone || err != nil {
			return err
		}
		if f.place.ID != "" {
			f.counts.others.Inc()
			f.log.Warn("file: it is another one than before, and read from its beginning; what that one had behind the offset was not read",
				"offset", f.place.At)
		}
		f.place = place{ID: rand.Text()}
	}
	f.place.Inode = inode(info)
	f.tail, f.final = &tail{f: file, at: f.place.At}, false
	f.log.Info("file: reading", "offset", f.place.At, "follow", f.cfg.Follow)
	return nil
}

// goOn reports whether the file that was read before is still there under another name, and
// goes on with that in the place of file, which is closed. If that cannot be opened now, it is
// tried again.
func (f *File) goOn(file readable) (bool, error) {
	if !f.cfg.Follow || f.place.ID == "" {
		return false, nil
	}
	old, name, err := f.place.renamed(f.fsys, f.cfg.Path)
	if old == nil {
		return false, err
	}
	_ = file.Close()
	f.tail, f.final = &tail{f: old, at: f.place.At}, true
	f.log.Info("file: it was renamed, and is read to its end first", "name", name, "offset", f.place.At)
	return true, nil
}

// changed sees what has become of a file that has been read to its end: more is true if
// there is something to read after all.
func (f *File) changed() (more bool, err error) {
	if f.place.At != f.tail.at || f.place.Until != f.tail.at {
		if err := f.move(0); err != nil {
			return false, err
		}
	}
	if !f.cfg.Follow {
		return false, nil
	}
	if f.final { // all of the old one is read
		if err := f.advance(); err != nil {
			return false, err
		}
		f.counts.others.Inc()
		return true, nil
	}
	now, err := os.Stat(f.cfg.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it is being replaced
	}
	if err != nil {
		return false, err
	}
	was, err := f.tail.f.Stat()
	switch {
	case err != nil:
		return false, err
	case !os.SameFile(now, was):
		f.final = true // what was added to it meanwhile is read first
		return true, nil
	case was.Size() < f.tail.at:
		f.counts.others.Inc()
		f.log.Warn("file: it was cut, and is read from its beginning", "offset", f.tail.at, "bytes", was.Size())
		f.forget()
		return true, nil
	}
	return false, nil
}

// forget is done with a file: what has its name is another one.
func (f *File) forget() {
	f.close()
	f.place = place{}
}

func (f *File) close() {
	if f.tail != nil {
		_ = f.tail.f.Close()
		f.tail = nil
	}
}

// fileCounts are what /metrics tells of a file, besides of what was in it.
type fileCounts struct{ bytes, others prometheus.Counter }

func newFileCounts(reg prometheus.Registerer, name string) (*fileCounts, error) {
	counter := func(metric, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tallystick_file_" + metric, Help: help, ConstLabels: prometheus.Labels{"subscription": name},
		})
	}
	c := &fileCounts{
		bytes:  counter("bytes_total", "Bytes that were read and handed over."),
		others: counter("replaced_total", "Files that took the place of the one before, or were cut."),
	}
	return c, errors.Join(reg.Register(c.bytes), reg.Register(c.others))
}
