package collect_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"tallystick/internal/capture"
	"tallystick/internal/collect"
	"tallystick/internal/transfer"
)

// nobody is an Output that takes nothing.
type nobody struct{}

func (nobody) Transfer(*transfer.Transfer) {}
func (nobody) Sample(collect.Sample)       {}
func (nobody) Server(collect.Server)       {}
func (nobody) Loss(transfer.Loss)          {}
func (nobody) Life(transfer.Life)          {}
func (nobody) Event(transfer.Event)        {}
func (nobody) Balance(transfer.Balance)    {}

// another returns d as a server with another fingerprint of the same length sends it.
func another(d []byte, sid, other uint64) []byte {
	d = bytes.ReplaceAll(d, strconv.AppendUint(nil, sid, 10), strconv.AppendUint(nil, other, 10))
	six := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n)[2:] }
	return bytes.ReplaceAll(d, six(sid), six(other))
}

// Servers send what the server of s03 sent, packet by packet in turn, over and over:
// opens and closes of small files with a trace of their requests, 80 accesses in 119
// datagrams.
func BenchmarkServers(b *testing.B) {
	const servers = 500
	c, err := capture.Load(os.DirFS("../capture/testdata"), "s03_concurrent_users")
	if err != nil {
		b.Fatal(err)
	}
	var all [][]byte
	var size int64
	for _, p := range c.Packets {
		if p.Data[0] == '<' {
			continue // the summary is not looked at
		}
		for i := range uint64(servers) {
			all = append(all, another(p.Data, 56308042893772, 10000000000000+i))
		}
		size += int64(len(p.Data))
	}
	b.SetBytes(size * servers / int64(len(all)))
	b.ReportAllocs()
	runtime.GC() // what is left of making them up
	began := cpu(b)
	b.ResetTimer()
	for n, now := 0, time.Unix(stod, 0); n < b.N; {
		collector := collect.New(collect.Default(), nobody{})
		for i := 0; i < len(all) && n < b.N; i++ {
			if i%1000 == 0 {
				now = now.Add(time.Second)
				collector.Advance(now)
			}
			p := collect.Packet{Remote: "192.0.2.1:4711", Data: all[i]}
			if err := collector.Packet(now, p); err != nil {
				b.Fatal(err)
			}
			n++
		}
		collector.Advance(now.Add(time.Hour))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
	b.ReportMetric((cpu(b)-began).Seconds()/float64(b.N)*1e6, "cpu-s/million")
}
