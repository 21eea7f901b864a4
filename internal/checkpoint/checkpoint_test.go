package checkpoint_test

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallystick/api"
	"tallystick/internal/block"
	"tallystick/internal/checkpoint"
	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/metric"
	"tallystick/internal/selector"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
)

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "down")
	w := newWorld(t)
	w.grow(t, 1)
	saved := save(t, open(dir, durable.OS{}, w))
	got, info := restored(t, dir)
	if d := cmp.Diff(w.content(), got.content()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if w.pauses != 1 {
		t.Errorf("got %d pauses for a save, want 1", w.pauses)
	}
	info.Took, info.Bytes, saved.Took, saved.Bytes, saved.Packets = 0, 0, 0, 0, 0 // packets are not restored
	if info != saved {
		t.Errorf("restored\n%+v, want what was saved\n%+v", info, saved)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestBitExact(t *testing.T) {
	bits := []uint64{
		0, 1 << 63, // 0, -0
		1, 0x000fffffffffffff, 1<<63 | 1, // denormals
		math.Float64bits(math.NaN()), // a gap
		math.Float64bits(0.1), math.Float64bits(math.MaxFloat64),
	}
	dir, w := t.TempDir(), newWorld(t)
	for i := range 70 { // more than an Avro block has
		b := store.BlockAt{
			Path:   selector.Path{Cluster: "c", Node: "\xfe\xff", Component: selector.Part{Type: "t", ID: "0"}},
			Metric: metric.XrdReadBytes, Step: 10, Index: int64(i) - 3,
		}
		(*block.Block)(&b.Values).Clear()
		for j := i; j < block.Slots-3*i; j++ { // as long as it may be, and shorter
			b.Values[j] = math.Float64frombits(bits[(i+j)%len(bits)])
		}
		if err := w.store.Restore(&b); err != nil {
			t.Fatal(err)
		}
	}
	save(t, open(dir, durable.OS{}, w))
	got, info := restored(t, dir)
	if info.Blocks != 70 {
		t.Errorf("got %d blocks, want 70", info.Blocks)
	}
	next, stop := iter.Pull(got.store.Blocks())
	defer stop()
	for want := range w.store.Blocks() {
		b, _ := next()
		if b == nil || b.Path != want.Path || b.Index != want.Index {
			t.Fatalf("got %+v, want block %d of %s", b, want.Index, want.Path)
		}
		for j, v := range want.Values {
			if g, w := math.Float64bits(b.Values[j]), math.Float64bits(v); g != w {
				t.Fatalf("block %d slot %d: got %016x, want %016x", b.Index, j, g, w)
			}
		}
	}
}

// TestOldCodec reads a checkpoint of version 1, which had all slots of a block.
func TestOldCodec(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "00000001-1700000000")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var record []byte
	for _, s := range []string{"c", "n", "", "", "", "", metric.XrdReadBytes} {
		record = append(binary.AppendVarint(record, int64(len(s))), s...)
	}
	record = binary.AppendVarint(binary.AppendVarint(record, 10), 4)
	record = append(binary.AppendVarint(record, 3), "raw"...)
	record = binary.AppendVarint(record, block.Bytes)
	for i := range block.Slots {
		record = binary.LittleEndian.AppendUint64(record, math.Float64bits(float64(i)))
	}
	record = append(record, 0)
	write(t, filepath.Join(dir, "samples.avro"), string(container(api.SampleBlock(), 1, record)))
	write(t, filepath.Join(dir, "meta.json"), `{"version":1,"files":[{"name":"samples.avro","records":1}]}`)
	w, info := restored(t, filepath.Dir(dir))
	if info.Blocks != 1 || info.Refused != 0 {
		t.Errorf("got %+v, want a block", info)
	}
	for b := range w.store.Blocks() {
		if b.Index != 4 || b.Values[0] != 0 || b.Values[511] != 511 {
			t.Errorf("got block %d with %v … %v", b.Index, b.Values[0], b.Values[511])
		}
	}
}

func TestClaimTimesBitExact(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	want := &transfer.Claim{Run: "r", ID: "1", Opened: 1700000000.1, Closed: math.Nextafter(1700000000.2, 0), Outcome: transfer.OK}
	if _, err := w.ledger.PutClaim(want); err != nil {
		t.Fatal(err)
	}
	save(t, open(dir, durable.OS{}, w))
	got, _ := restored(t, dir)
	claims := got.ledger.Claims(ledger.Filter{})
	if len(claims) != 1 || *claims[0] != *want {
		t.Errorf("got %+v, want %+v", claims, want)
	}
}

// names returns what is in a folder.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// sequences returns the names in a folder without the times in them.
func sequences(t *testing.T, dir string) (list []string) {
	t.Helper()
	for _, name := range names(t, dir) {
		sequence, _, _ := strings.Cut(name, "-")
		list = append(list, sequence)
	}
	return list
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestKeepsNewestAndLeavesStrayFiles(t *testing.T) {
	dir := t.TempDir()
	stray := []string{"README.md", "00000009-17.txt", "9-17", "00000099-1700000000", "x.tmp/a", "99999999-x/samples.avro"}
	for _, name := range stray {
		write(t, filepath.Join(dir, name), "not ours")
	}
	write(t, filepath.Join(dir, "00000003-1700000000.tmp", "samples.avro"), "left by a crash")

	w := newWorld(t)
	d := open(dir, durable.OS{}, w)
	if info, err := d.Restore(t.Context()); err != nil || info.Path != "" || !info.Whole() {
		t.Errorf("got %+v, %v from no checkpoint, want nothing", info, err)
	}
	for range 4 {
		save(t, d)
	}
	want := []string{"00000007", "00000009", "00000099", "9", "99999999", "README.md", "x.tmp"}
	if got := sequences(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A new process goes on counting.
	save(t, open(dir, durable.OS{}, w))
	want = []string{"00000009", "00000009", "00000099", "9", "99999999", "README.md", "x.tmp"}
	if got := sequences(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Samples of metrics that are not configured any more stay on the disk, through merges
// too, and are back once they are.
func TestUnknownMetricsAreKept(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	w.grow(t, 1)
	save(t, open(dir, durable.OS{}, w))

	other, err := metric.NewTable(metric.XRootD(60)) // another step, and no load
	if err != nil {
		t.Fatal(err)
	}
	without := newWorld(t)
	without.table, without.store = other, store.New(other, store.Config{})
	d := open(dir, durable.OS{}, without)
	if info := restore(t, d); info.Refused != 140 || info.Blocks != 0 || info.Transfers != 551 || info.Damaged != 0 {
		t.Errorf("got %+v, want 140 blocks refused and all transfers", info)
	}
	for range 5 {
		save(t, d)
	}
	again, info := restored(t, dir)
	if d := cmp.Diff(blocksOf(w), blocksOf(again)); d != "" || !info.Whole() {
		t.Errorf("got %+v (-want +got):\n%s", info, d)
	}
	if slices.Contains(names(t, dir), "quarantine") {
		t.Error("something was set aside, and nothing was damaged")
	}
}

// blocksOf returns the blocks of w, of all that is in it.
func blocksOf(w *world) map[string]string {
	m := w.content()
	maps.DeleteFunc(m, func(name, _ string) bool { return !strings.HasPrefix(name, "block") })
	return m
}

func TestRefusedStateIsTold(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	w.collector.list = [][]byte{[]byte("a"), []byte("bad"), []byte("c")}
	save(t, open(dir, durable.OS{}, w))
	got, info := restored(t, dir)
	if info.Refused != 1 || len(got.collector.list) != 2 {
		t.Errorf("got %+v and %q, want one of three refused", info, got.collector.list)
	}
}

func TestSaveStopsWithContext(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	w.grow(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := open(dir, durable.OS{}, w)
	if _, err := d.Save(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("got %v, want nothing left", got)
	}
	save(t, d)
	if _, err := d.Restore(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	if got := names(t, filepath.Join(dir, names(t, dir)[0])); slices.Contains(got, "problems.txt") {
		t.Errorf("a restore that was stopped left %v, want no problem noted", got)
	}
	if s := d.Stats(); s.Failures != 1 || s.Saves != 1 || s.Bytes == 0 || s.Last.IsZero() || time.Since(s.Last) > time.Minute {
		t.Errorf("got %+v, want one failure and one success just now", s)
	}
}

func TestStateErrorFailsSave(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t)
	parts := w.parts()
	parts.Collector = broken{}
	d := checkpoint.New(checkpoint.Config{Dir: dir}, durable.OS{}, parts, quiet())
	if _, err := d.Save(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot tell") {
		t.Errorf("got %v, want the collector's error", err)
	}
}

type broken struct{ checkpoint.Stateful }

func (broken) State() ([][]byte, error) { return nil, errors.New("cannot tell") }

func TestUnreadableFolderIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "")
	if _, err := open(path, durable.OS{}, newWorld(t)).Restore(t.Context()); err == nil {
		t.Error("got no error from a file, want one")
	}
}
