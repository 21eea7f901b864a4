package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"os"
	"testing"
	"time"

	"tallystick/internal/archive"
	"tallystick/internal/capture"
	"tallystick/internal/checkpoint"
	"tallystick/internal/collect"
	"tallystick/internal/durable"
	"tallystick/internal/ledger"
	"tallystick/internal/replay"
	"tallystick/internal/store"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// kept is a recorded run, as a server keeps it.
type kept struct {
	packets []checkpoint.Packet
	claims  []*transfer.Claim
}

func recorded(tb testing.TB, name string) kept {
	tb.Helper()
	c, err := capture.Load(os.DirFS("../capture/testdata"), name)
	if err != nil {
		tb.Fatal(err)
	}
	k := kept{claims: capture.Claims("r", c.Truth)}
	for _, p := range c.Packets {
		k.packets = append(k.packets, checkpoint.Packet{At: time.Unix(0, int64(p.Time*1e9)), Remote: p.Remote, Data: p.Data})
	}
	return k
}

// Packets implements replay.Source.
func (k kept) Packets(_ context.Context, from, to int64) iter.Seq2[checkpoint.Packet, error] {
	return func(yield func(checkpoint.Packet, error) bool) {
		for _, p := range k.packets {
			if t := p.At.Unix(); t >= from && t < to && !yield(p, nil) {
				return
			}
		}
	}
}

// Claims implements replay.Source.
func (k kept) Claims(_ context.Context, from, to int64) iter.Seq2[*transfer.Claim, error] {
	return func(yield func(*transfer.Claim, error) bool) {
		for _, c := range k.claims {
			if t := int64(max(c.Opened, c.Closed)); t >= from && t < to && !yield(c, nil) {
				return
			}
		}
	}
}

// Transfers, Blocks, Clusters, Oldest and Close make kept an archive.Source.
func (kept) Transfers(context.Context, int64, int64) iter.Seq2[*transfer.Transfer, error] {
	return func(func(*transfer.Transfer, error) bool) {}
}

func (kept) Blocks(context.Context, string, int64, int64) iter.Seq2[*store.BlockAt, error] {
	return func(func(*store.BlockAt, error) bool) {}
}

func (kept) Clusters() []string { return nil }

func (k kept) Oldest(kind checkpoint.Kind) (int64, bool) {
	oldest := k.packets[0].At.Unix()
	for _, c := range k.claims {
		oldest = min(oldest, c.Time())
	}
	return oldest, kind == checkpoint.Packets || kind == checkpoint.Claims
}

func (kept) Close() {}

// report is that of the sources, played one after the other.
func report(t *testing.T, sources ...replay.Source) []byte {
	t.Helper()
	p, err := replay.New(collect.Default(), ledger.Default())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		if err := p.Play(t.Context(), s, -1<<62, 1<<62, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	p.Advance(p.At().Add(time.Hour))
	b, err := json.Marshal(validate.Books(p.Ledger, validate.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// archived archives what is kept, as it is long after.
func archived(t *testing.T, k kept) *replay.Archive {
	t.Helper()
	dir := t.TempDir()
	c := archive.Default()
	c.Dir = dir
	target, err := c.Target(durable.OS{})
	if err != nil {
		t.Fatal(err)
	}
	w := &archive.Worker{
		Config: c, Target: target, FS: durable.OS{}, Log: slog.New(slog.DiscardHandler),
		Source: func() (archive.Source, error) { return k, nil },
		Late:   func(checkpoint.Kind) time.Duration { return time.Hour },
	}
	if err := w.Step(t.Context(), k.packets[len(k.packets)-1].At.Add(72*time.Hour)); err != nil {
		t.Fatal(err)
	}
	a, err := replay.OpenArchive(t.Context(), archive.Open(target, func(file string, err error) { t.Error(file, err) }))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestArchive: an archive gives the report that the packets gave when they came, byte for
// byte, also beside a checkpoint that still has them.
func TestArchive(t *testing.T) {
	for _, name := range []string{"s01_full_reads", "s03_concurrent_users", "s06_killed_longlived", "s08_restart"} {
		k := recorded(t, name)
		want := report(t, k)
		if len(want) < 1000 {
			t.Errorf("%s: the report is %s", name, want)
		}
		a := archived(t, k)
		if got := report(t, a); !bytes.Equal(got, want) {
			t.Errorf("%s: the archive has another report:\n%s\nwant\n%s", name, got, want)
		}
		if got := report(t, a, a.Beside(k)); !bytes.Equal(got, want) {
			t.Errorf("%s: with checkpoints beside it, the archive has another report", name)
		}
	}
}

// TestQueued: packets that lay in a queue for a day, before they were taken in at once,
// give the report that they would have given when they came; so does the archive of them.
func TestQueued(t *testing.T) {
	for _, name := range []string{"s03_concurrent_users", "s08_restart"} {
		k := recorded(t, name)
		want := report(t, k)
		at := k.packets[len(k.packets)-1].At.Add(24 * time.Hour)
		for i := range k.packets {
			p := &k.packets[i]
			p.Arrival, p.At = p.At.UnixNano(), at.Add(time.Duration(i)*time.Millisecond)
		}
		if got := report(t, k); !bytes.Equal(got, want) {
			t.Errorf("%s: out of a queue it is another report:\n%s\nwant\n%s", name, got, want)
		}
		if got := report(t, archived(t, k)); !bytes.Equal(got, want) {
			t.Errorf("%s: the archive of a queue has another report", name)
		}
	}
}

// TestRange: what came before or after a range of packets is not replayed.
func TestRange(t *testing.T) {
	k := recorded(t, "s03_concurrent_users")
	p, err := replay.New(collect.Default(), ledger.Default())
	if err != nil {
		t.Fatal(err)
	}
	from, to := k.packets[10].At.Unix()+1, k.packets[len(k.packets)-1].At.Unix()
	want := 0
	for range k.Packets(t.Context(), from, to) {
		want++
	}
	if err := p.Play(t.Context(), archived(t, k), from, to, func() {}); err != nil {
		t.Fatal(err)
	}
	if got, claims, _ := p.Counts(); got != want || claims != len(k.claims) || want == len(k.packets) {
		t.Errorf("got %d packets and %d claims, want %d and %d", got, claims, want, len(k.claims))
	}
}

// BenchmarkReplay is packets of a busy server through collector and ledger.
func BenchmarkReplay(b *testing.B) {
	k := recorded(b, "s03_concurrent_users")
	n := 0
	for b.Loop() {
		p, err := replay.New(collect.Default(), ledger.Default())
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Play(b.Context(), k, -1<<62, 1<<62, func() { n++ }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
}
