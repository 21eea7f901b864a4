package main

import (
	"context"
	"encoding/binary"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/snappy"

	"tallystick/benchmarks/workload"
)

// A prometheus takes no lines, but what another Prometheus sends: remote write 1.0.
type prometheus struct{ promQL }

func newPrometheus() *prometheus { return &prometheus{promQL{typeID: "type_id"}} }

// command: a slot without a sample has none, instead of the one before (lookback-delta).
func (*prometheus) command(ctx context.Context, at place, w *workload.Workload) (*exec.Cmd, error) {
	config := filepath.Join(at.conf, "prometheus.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, at.bin, "--config.file="+config, "--storage.tsdb.path="+at.dir, "--web.listen-address="+at.addr,
		"--web.enable-remote-write-receiver", "--query.lookback-delta="+strconv.FormatInt(w.Step()-1, 10)+"s"), nil
}

func (*prometheus) begin() []request { return nil }

func (*prometheus) ready() request { return get("/-/ready") }

func (*prometheus) takes(string) string { return "" }

// encode makes a WriteRequest, of which these fields are used (prometheus/prompb,
// types.proto and remote.proto):
//
//	WriteRequest {1: TimeSeries}, TimeSeries {1: Label, 2: Sample},
//	Label {1: name, 2: value}, Sample {1: double value, 2: int64 milliseconds}
func (*prometheus) encode(dst []byte, w *workload.Workload, batch []workload.Ref) []byte {
	var raw, series []byte
	for _, r := range batch {
		series = appendTimeSeries(series[:0], w, r)
		raw = appendField(raw, 1, series)
	}
	return append(dst, snappy.Encode(nil, raw)...)
}

func appendTimeSeries(dst []byte, w *workload.Workload, r workload.Ref) []byte {
	s := w.At(r.Series)
	dst = appendLabel(dst, "__name__", s.Metric()) // labels are sorted
	dst = appendLabel(dst, "cluster", workload.Cluster)
	dst = appendLabel(dst, "hostname", s.Node)
	dst = appendLabel(dst, "type", s.Type)
	if s.ID != "" {
		dst = appendLabel(dst, "type_id", s.ID)
	}
	var sample [32]byte
	b := append(sample[:0], 1<<3|1)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(w.Value(r)))
	b = binary.AppendUvarint(append(b, 2<<3), uint64(w.Time(r.Slot)*1000)) //nolint:gosec // after 1970
	return appendField(dst, 2, b)
}

func appendLabel(dst []byte, name, value string) []byte {
	dst = append(dst, 1<<3|2)
	dst = binary.AppendUvarint(dst, uint64(len(name)+len(value)+4)) // both are shorter than 128
	dst = append(append(dst, 1<<3|2, byte(len(name))), name...)
	return append(append(dst, 2<<3|2, byte(len(value))), value...)
}

// appendField appends a field that has a length.
func appendField(dst []byte, number byte, value []byte) []byte {
	dst = binary.AppendUvarint(append(dst, number<<3|2), uint64(len(value)))
	return append(dst, value...)
}

func (*prometheus) write(body []byte) request {
	return request{http.MethodPost, "/api/v1/write", map[string]string{
		"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0",
	}, body}
}
