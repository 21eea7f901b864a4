package main

import (
	"context"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"

	"tallystick/benchmarks/workload"
)

// A victoriaMetrics is a single server of VictoriaMetrics. It takes lines, and makes a
// metric measurement_field of each field, "value" included.
type victoriaMetrics struct{ promQL }

func newVictoriaMetrics() *victoriaMetrics {
	return &victoriaMetrics{promQL{suffix: "_value", typeID: "type-id", more: more}}
}

// more: answers are not made of earlier ones (nocache), since each question of ours would find
// itself there; and a slot without a sample has none, instead of the one before it (max_lookback).
func more(w *workload.Workload) url.Values {
	return url.Values{"nocache": {"1"}, "max_lookback": {strconv.FormatInt(w.Step(), 10) + "s"}}
}

func (*victoriaMetrics) command(ctx context.Context, at place, _ *workload.Workload) (*exec.Cmd, error) {
	return exec.CommandContext(ctx, at.bin, "-storageDataPath="+at.dir, "-httpListenAddr="+at.addr), nil
}

func (*victoriaMetrics) begin() []request { return nil }

func (*victoriaMetrics) ready() request { return get("/health") }

func (*victoriaMetrics) takes(string) string { return "" }

func (*victoriaMetrics) encode(dst []byte, w *workload.Workload, batch []workload.Ref) []byte {
	return w.AppendLines(dst, batch)
}

func (*victoriaMetrics) write(body []byte) request {
	return request{http.MethodPost, "/write?precision=s", nil, body}
}
